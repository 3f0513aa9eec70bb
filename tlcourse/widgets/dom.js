// Small helpers that all widgets share: elements, a name of its own for each view, and the kernel.

const SVG = "http://www.w3.org/2000/svg";

function build(element, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const h = (tag, props = {}, ...children) =>
  build(document.createElement(tag), props, children);

export const svg = (tag, props = {}, ...children) =>
  build(document.createElementNS(SVG, tag), props, children);

// Writes only what differs: a screen reader need not hear again what stayed the same.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The same widget may be shown twice on a page: ids must differ.
let views = 0;
export const viewName = (kind) => `${kind}-${(views += 1)}`;

// The root of a widget. JupyterLab would take plain keys pressed in it for its own shortcuts, which
// insert and delete cells; it hears them last, at the document. Escape goes through: it leaves.
export function root(el, kind, label) {
  const element = h("section", {
    class: `tlw ${kind}`,
    "aria-label": label,
    onkeydown: (event) => {
      if (event.key === "Escape") document.activeElement.blur();
      else if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
    },
  });
  leaveWithCell(element);
  el.append(element);
  return element;
}

// JupyterLab leaves the focus where it was when another cell is chosen, and the keys meant for that
// cell would go on working here.
function leaveWithCell(element) {
  let watch = null;
  const leave = () => {
    if (element.contains(document.activeElement)) document.activeElement.blur();
  };
  const outside = (event) => {
    if (!element.contains(event.target)) leave();
  };
  element.addEventListener("focusin", () => {
    if (watch) return;
    const cell = element.closest(".jp-Cell");
    watch = new MutationObserver(() => {
      if (!cell.classList.contains("jp-mod-active")) leave();
    });
    if (cell) watch.observe(cell, { attributeFilter: ["class"] });
    document.addEventListener("pointerdown", outside);
  });
  element.addEventListener("focusout", (event) => {
    if (element.contains(event.relatedTarget)) return;
    watch?.disconnect();
    watch = null;
    document.removeEventListener("pointerdown", outside);
  });
}

export function labelled(text, control) {
  return h("label", { class: "tlw-field" }, h("span", {}, text), control);
}

export function select(options, value, onchange) {
  const element = h("select", { onchange: () => onchange(element.value) });
  fillSelect(element, options, value);
  return element;
}

export function fillSelect(element, options, value) {
  element.replaceChildren(
    ...options.map(([key, text]) => {
      const option = h("option", { value: key }, text);
      option.selected = String(key) === String(value);
      return option;
    }),
  );
}

// Numbers to choose from, and the one chosen, in order.
export const withValue = (values, value) =>
  [...new Set([...values, value])].sort((a, b) => a - b);

// Changes state and tells the kernel, if there is one.
export function store(model, values) {
  for (const [key, value] of Object.entries(values)) model.set(key, value);
  try {
    model.save_changes();
  } catch {
    // A page without a kernel: the views on it still follow.
  }
}

// Whether a cell runs: what is sent to the kernel waits until it has ended. JupyterLab and Voila tell.
export const cellRuns = (model) => model.widget_manager?.kernel?.status === "busy";

// Why nothing answers; "" where the page has no kernel, or is not told of it.
export function silence(model) {
  const kernel = model.widget_manager?.kernel;
  if (!kernel) return "";
  if (cellRuns(model)) return "The kernel is busy: the cell that runs has to end first.";
  return kernel.status === "dead" || kernel.connectionStatus === "disconnected"
    ? "The kernel has stopped: restart it (menu Kernel), and run the notebook again."
    : "The kernel does not know this widget: run the cells down to this one.";
}

// Whether a kernel answers. `onchange(alive)` is called whenever that changes, and once where nothing
// answered at first: by then it can be said why.
export class Kernel {
  constructor(model, onchange) {
    this.model = model;
    this.onchange = onchange;
    this.alive = false;
    this.heard = 0;
    this.listen = (message) => {
      if (message && message.say === "here") {
        this.heard = Date.now();
        this.set(true);
      }
    };
    model.on("msg:custom", this.listen);
    this.ask(3, () => onchange(false));
  }

  set(alive) {
    if (alive === this.alive) return;
    this.alive = alive;
    this.onchange(alive);
  }

  // Asks twice, so many seconds apart, and says `gone` where nothing came back and no cell runs. A newer
  // kernel answers while one runs, though not what was asked before it knew how.
  ask(seconds, gone, asked = Date.now(), again = true) {
    this.send({ do: "ping" });
    setTimeout(() => {
      if (this.heard >= asked || this.closed) return;
      if (again || cellRuns(this.model)) {
        this.ask(seconds, gone, asked, false);
        return;
      }
      this.set(false);
      gone();
    }, seconds * 1000);
  }

  send(content, buffers) {
    try {
      this.model.send(content, undefined, buffers);
      return true;
    } catch {
      return false;
    }
  }

  close() {
    this.closed = true;
    this.model.off("msg:custom", this.listen);
  }
}
