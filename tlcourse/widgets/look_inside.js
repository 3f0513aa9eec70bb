// Look inside: the view.
import { cellRuns, h, setText, root, silence, store, viewName, Kernel } from "./dom.js";

class InsideView {
  constructor(model, el) {
    this.model = model;
    this.id = viewName("tli");
    this.root = root(el, "tli", "Look inside");
    this.kernel = new Kernel(model, () => this.showDrop());
    this.handlers = {
      "change:pictures": () => this.update(),
      "change:results": () => this.update(),
      "change:selected": () => this.update(),
      "change:message": () => this.update(),
    };
    for (const [name, handler] of Object.entries(this.handlers)) model.on(name, handler);
    this.build();
  }

  close() {
    for (const [name, handler] of Object.entries(this.handlers)) this.model.off(name, handler);
    this.kernel.close();
  }

  build() {
    this.shelf = h("div", { class: "shelf", role: "group", "aria-label": "Pictures" });
    this.file = h("input", {
      type: "file",
      accept: "image/*",
      id: `${this.id}-file`,
      onchange: () => this.take(this.file.files[0]),
    });
    this.dropText = h("span");
    this.drop = h("label",
      {
        class: "drop",
        for: `${this.id}-file`,
        ondragover: (event) => event.preventDefault(),
        ondrop: (event) => {
          event.preventDefault();
          this.take(event.dataTransfer.files[0]);
        },
      }, this.dropText, this.file);
    this.problem = h("p", { class: "problem", role: "alert" });
    this.result = h("div", { class: "result", "aria-live": "polite" });
    this.root.replaceChildren(
      h("h3", {}, "What does the network see?"), this.shelf, this.drop, this.problem, this.result);
    this.showDrop();
    this.update();
  }

  showDrop() {
    if (!this.drop) return;
    this.file.disabled = this.file.hidden = !this.kernel.alive;
    this.drop.classList.toggle("off", !this.kernel.alive);
    setText(this.problem, this.model.get("message")); // not 'no kernel' once there is one
    setText(this.dropText, this.kernel.alive
      ? "Drop a picture here, or choose a file: "
      : `Choose one of these pictures. ${silence(this.model)
        || "Your own can be dropped in where the notebook runs."}`);
  }

  async take(file) {
    if (!file) return;
    if (!this.kernel.alive) {
      setText(this.problem, silence(this.model) || "There is no kernel: in JupyterLab, run this cell.");
      return;
    }
    setText(this.problem, cellRuns(this.model)
      ? `${file.name} waits: the cell that runs has to end first.`
      : `Looking at ${file.name} …`);
    try {
      this.kernel.send({ do: "picture", name: file.name }, [await file.arrayBuffer()]);
      this.kernel.ask(10, () => setText(this.problem, silence(this.model)
        || "The kernel does not answer: it is busy with a cell, or has stopped."));
    } catch (error) {
      setText(this.problem, `${file.name} could not be read: ${error.message}`);
    }
    this.file.value = "";
  }

  update() {
    const pictures = this.model.get("pictures");
    const selected = Math.min(this.model.get("selected"), pictures.length - 1);
    this.shelf.replaceChildren(...pictures.map((picture, i) =>
      h("button",
        {
          type: "button",
          "aria-pressed": String(i === selected),
          onclick: () => {
            store(this.model, { selected: i });
            this.shelf.children[i].focus();
          },
        },
        h("img", { src: picture.thumbnail, alt: "", width: 72, height: 72 }),
        h("span", {}, picture.name))));
    setText(this.problem, this.model.get("message"));
    const result = this.model.get("results")[selected];
    if (!result) {
      this.result.replaceChildren(h("p", { class: "soft" }, pictures.length
        ? "Not looked at yet. This takes a running kernel."
        : "There is no picture yet."));
      return;
    }
    this.result.replaceChildren(
      h("div", { class: "says" },
        this.bars("The 1000-way softmax says", result.imagenet),
        result.own ? this.bars("Your own head says", result.own) : null,
        result.where ? this.where(result.where) : null,
        result.nearest ? this.neighbours(result.nearest) : null),
      this.maps(result));
  }

  bars(title, rows) {
    return h("div", {}, h("h4", {}, title), h("ol", { class: "bars" }, ...rows.map((row) =>
      h("li", {},
        h("span", { class: "name" }, row.name),
        h("span", { class: "track", "aria-hidden": "true" },
          h("span", { style: `width:${(100 * row.probability).toFixed(1)}%` })),
        h("span", { class: "value" }, row.probability.toFixed(2))))));
  }

  where(found) {
    return h("div", {}, h("h4", {}, `Where ${found.class} comes from`),
      h("div", { class: "where" },
        h("img", { src: found.picture, width: 168, height: 168,
          alt: `the picture in grey, with orange where it speaks for ${found.class}` }),
        h("p", { class: "soft" },
          `Orange: what speaks for ${found.class}. Grey: the rest. It is a class activation map.`)));
  }

  neighbours(rows) {
    return h("div", {}, h("h4", {}, "Nearest training pictures"),
      h("ul", { class: "near" }, ...rows.map((row) =>
        h("li", {},
          h("img", { src: row.thumbnail, alt: `a training picture of ${row.class}`, width: 64, height: 64 }),
          h("span", {}, row.class), h("span", { class: "soft" }, row.similarity.toFixed(2))))));
  }

  maps(result) {
    return h("div", {}, h("h4", {}, "Activation maps, the most varied channels of each stage"),
      h("ul", { class: "maps" }, ...result.maps.map((map) =>
        h("li", {},
          h("span", { class: "name" }, map.name),
          h("img", { src: map.picture, alt: `activation maps after ${map.name}` }),
          h("span", { class: "soft" }, map.shape.join(" × "))))));
  }
}

function render({ model, el }) {
  const view = new InsideView(model, el);
  return () => view.close();
}

export default { render };
