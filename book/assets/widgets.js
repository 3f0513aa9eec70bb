// Starts the course's widgets on a page without a kernel, from the state that the notebook stores.
//
// An anywidget carries its own JavaScript in its state. It is handed a model that keeps values and
// tells listeners of changes, as in a notebook; what it sends to Python goes nowhere.

const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

class Model {
  constructor(state) {
    this.state = state;
    this.listeners = new Map();
  }
  get(name) {
    return this.state[name];
  }
  set(name, value) {
    if (typeof name === "object") {
      Object.entries(name).forEach(([key, entry]) => this.set(key, entry));
    } else if (this.state[name] !== value) {
      this.state[name] = value;
      this.tell(`change:${name}`, value);
      this.tell("change", value);
    }
  }
  tell(event, value) {
    (this.listeners.get(event) || []).forEach((listener) => listener(this, value));
  }
  on(event, listener) {
    event.split(" ").forEach((one) => {
      this.listeners.set(one, [...(this.listeners.get(one) || []), listener]);
    });
  }
  off(event, listener) {
    const names = event ? event.split(" ") : [...this.listeners.keys()];
    names.forEach((one) => {
      const kept = (this.listeners.get(one) || []).filter((l) => listener && l !== listener);
      this.listeners.set(one, kept);
    });
  }
  save_changes() {}
  send() {}
  widget_manager = null;
}

async function load(source) {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}

const models = new Map();

async function start(id, entry, element) {
  if (!models.has(id)) models.set(id, new Model({ ...entry.state }));
  const model = models.get(id);
  let widget = await load(model.get("_esm"));
  if (typeof widget === "function") widget = await widget();
  if (model.get("_css")) {
    const style = document.createElement("style");
    style.textContent = model.get("_css");
    element.before(style);
  }
  if (widget.initialize) await widget.initialize({ model });
  await widget.render({ model, el: element });
}

async function startAll() {
  const stored = {};
  document.querySelectorAll(STATE).forEach((script) => {
    Object.assign(stored, JSON.parse(script.textContent).state);
  });
  for (const view of document.querySelectorAll(VIEW)) {
    const id = JSON.parse(view.textContent).model_id;
    const element = document.createElement("div");
    element.className = "course-widget";
    view.after(element);
    try {
      if (!stored[id] || !stored[id].state._esm) throw new Error("its state is not stored");
      await start(id, stored[id], element);
    } catch (error) {
      element.textContent = `This widget cannot be shown on the page (${error.message}). `
        + "It works in the notebook.";
    }
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAll);
else startAll();
