// The freeze explorer's view: it puts the parts together and holds the choice. All figures come from
// costs.js, all sentences from texts.js.
import { h, setText, viewName, root, labelled, select, fillSelect, store, withValue } from "./dom.js";
import { beginAt, stageFacts, summarise } from "./costs.js";
import { shortSummary, summaryText, warningText } from "./texts.js";
import { Code } from "./code.js";
import { Figures } from "./figures.js";
import { Strip } from "./strip.js";
import { Training } from "./training.js";

const HIDDEN = [0, 64, 256, 1024];
const BATCHES = [4, 8, 16, 32, 64, 128];

// Whether two choices are the same.
const same = (one, other) =>
  Object.keys(one).every((key) => String(one[key]) === String(other[key]));

class ExplorerView {
  constructor(model, el) {
    this.model = model;
    this.id = viewName("tlx");
    this.root = root(el, "tlx", "Freeze explorer");
    this.training = new Training(this);
    this.handlers = {
      // Other stages are drawn anew; another number of classes only changes figures.
      "change:network": () => (this.isDrawn() ? this.update() : this.build()),
      "change:datasets": () => this.update(),
      "change:choice": () => this.update(),
      "change:measured": () => this.update(),
      "change:runs": () => this.training.show(),
      "change:run_state": () => this.training.show(),
      "change:message": () => this.showMessage(),
      "change:can_train": () => this.training.show(),
    };
    for (const [name, handler] of Object.entries(this.handlers)) model.on(name, handler);
    this.build();
  }

  close() {
    for (const [name, handler] of Object.entries(this.handlers)) this.model.off(name, handler);
    this.training.close();
  }

  get choice() {
    return this.model.get("choice");
  }

  get network() {
    return this.model.get("network");
  }

  // One change of the choice, made on a copy: the model compares old and new.
  change(edit) {
    const choice = JSON.parse(JSON.stringify(this.choice));
    edit(choice);
    store(this.model, { choice });
  }

  isDrawn() {
    const { stages } = this.network;
    return JSON.stringify(stages) === JSON.stringify(this.drawn);
  }

  build() {
    this.drawn = this.network.stages;
    this.strip = new Strip(this);
    this.figures = new Figures(this);
    this.code = new Code(this);
    this.root.replaceChildren(
      this.buildHeader(),
      (this.sum = h("p", { class: "tlx-sum", "aria-hidden": "true" })),
      this.strip.build(),
      (this.controls = this.buildControls()),
      (this.warningList = h("ul", { class: "tlx-warnings", "aria-label": "Warnings" })),
      this.figures.build(),
      h("div", { class: "tlx-below" }, this.code.build(), this.training.build()),
      (this.problem = h("p", { class: "tlx-problem", role: "alert" })),
      (this.spoken = h("p", { class: "tlw-spoken", "aria-live": "polite" })),
    );
    this.update();
    this.training.show();
    this.showMessage();
  }

  buildHeader() {
    const { name, size, weights } = this.network;
    this.presets = [];
    const preset = (text, title, edit) => {
      const button = h("button", { type: "button", title, onclick: () => this.change(edit) }, text);
      this.presets.push({ button, edit });
      return button;
    };
    const freezeAllBut = (count) => (choice) => {
      const names = this.network.stages.map((stage) => stage.name);
      Object.assign(choice, {
        kept: names.length,
        frozen: names.slice(0, names.length - count),
        adapting: [],
        start: "pretrained",
        hidden: 0,
      });
    };
    const count = this.network.stages.length;
    const two = Math.min(2, count);
    return h("header", {},
      h("div", {},
        h("h3", {}, "Which layers learn?"),
        h("p", {}, `${name}, ${weights ? "pretrained on ImageNet" : "random weights"}, ${size} px`)),
      h("div", { class: "tlx-presets", role: "group", "aria-label": "Ready-made choices" },
        preset("Linear probe", "freeze all, train the new head", freezeAllBut(0)),
        preset(`Last ${two}`, `train the last ${two} stages and the head`, freezeAllBut(two)),
        preset("Fine-tune all", "train everything from pretrained weights", freezeAllBut(count)),
        preset("From scratch", "train everything from random weights", (choice) => {
          freezeAllBut(count)(choice);
          beginAt(choice, "random", this.network);
        })));
  }

  buildControls() {
    const { stages } = this.network;
    const number = (key) => (value) => this.change((choice) => { choice[key] = Number(value); });
    this.keptSelect = select(
      stages.map((stage, i) => [i + 1, i + 1 === stages.length ? `all (${stage.name})` : stage.name]),
      this.choice.kept, number("kept"));
    this.hiddenSelect = select([], 0, number("hidden"));
    this.batchSelect = select([], 32, number("batch"));
    this.startChoices = ["pretrained", "random"].map((start) =>
      h("input", {
        type: "radio",
        name: `${this.id}-start`,
        value: start,
        onchange: () => this.change((choice) => beginAt(choice, start, this.network)),
      }));
    return h("div", { class: "tlx-controls" },
      labelled("Keep stages up to", this.keptSelect),
      labelled("On top", this.hiddenSelect),
      h("fieldset", {},
        h("legend", {}, "Thawed stages start from"),
        ...this.startChoices.map((input) => h("label", {}, input, `${input.value} weights`))),
      labelled("Pictures a batch", this.batchSelect));
  }

  update() {
    const { network, choice } = this;
    const summary = summarise(network, choice, this.model.get("measured"));
    const facts = stageFacts(network, choice);
    this.strip.update(choice, facts, summary);
    this.updateControls(choice);
    this.figures.update(choice, summary);
    this.code.update();
    this.warningList.replaceChildren(
      ...summary.warnings.map((warning) => h("li", {}, warningText(warning))));
    setText(this.spoken, summaryText(summary));
    setText(this.sum, shortSummary(summary));
    for (const { button, edit } of this.presets) {
      const wanted = { ...choice };
      edit(wanted);
      button.setAttribute("aria-pressed", String(same(wanted, choice)));
    }
  }

  updateControls(choice) {
    this.keptSelect.value = String(choice.kept);
    fillSelect(this.hiddenSelect,
      withValue(HIDDEN, choice.hidden).map((units) =>
        [units, units ? `${units} hidden units, then ${this.network.classes} classes`
          : `linear, ${this.network.classes} classes`]),
      choice.hidden);
    fillSelect(this.batchSelect, withValue(BATCHES, choice.batch).map((n) => [n, n]), choice.batch);
    for (const input of this.startChoices) input.checked = input.value === choice.start;
  }

  showMessage() {
    setText(this.problem, this.model.get("message"));
  }
}

function render({ model, el }) {
  const view = new ExplorerView(model, el);
  return () => view.close();
}

export default { render };
