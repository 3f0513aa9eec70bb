// The freeze explorer's view. All figures come from costs.js, all sentences from texts.js.
import { h, svg, setText, viewName, root, labelled, select, fillSelect, store, Kernel } from "./dom.js";
import { stageFacts, summarise } from "./costs.js";
import {
  courseCode, formatBytes, formatCount, formatSeconds, formatShare, plainCode, summaryText,
  warningText, whyNotMeasured,
} from "./texts.js";
import { accuracyChart, runTable } from "./chart.js";

const HIDDEN = [0, 64, 256, 1024];
const BATCHES = [4, 8, 16, 32, 64, 128];

// Icons are drawn, for fonts differ: a snowflake, two arrows in a circle, a plus sign.
const ICONS = {
  frozen: "M8 1v14M2 4.5l12 7M14 4.5l-12 7M6 2.5l2 1.7 2-1.7M6 13.5l2-1.7 2 1.7",
  trained: "M13 6A5.5 5.5 0 0 0 3.2 5M3 2v3.2h3.2M3 10a5.5 5.5 0 0 0 9.8 1M13 14v-3.2H9.8",
  new: "M8 2.5v11M2.5 8h11",
  removed: "M3.5 3.5l9 9M12.5 3.5l-9 9",
};

const icon = (kind) =>
  svg("svg", { class: "tlx-icon", viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: ICONS[kind] }));

const copyOf = (choice) => JSON.parse(JSON.stringify(choice));
const without = (list, name) => list.filter((other) => other !== name);

class ExplorerView {
  constructor(model, el) {
    this.model = model;
    this.id = viewName("tlx");
    this.root = root(el, "tlx", "Freeze explorer");
    this.kernel = new Kernel(model, (alive) => {
      if (alive) this.lost = false;
      this.showRuns();
    });
    this.handlers = {
      // Other stages are drawn anew; another number of classes only changes figures.
      "change:network": () => (this.isDrawn() ? this.update() : this.build()),
      "change:datasets": () => this.update(),
      "change:choice": () => this.update(),
      "change:measured": () => this.update(),
      "change:runs": () => this.showRuns(),
      "change:run_state": () => this.showRuns(),
      "change:message": () => this.showMessage(),
      "change:can_train": () => this.showRuns(),
    };
    for (const [name, handler] of Object.entries(this.handlers)) model.on(name, handler);
    this.build();
  }

  close() {
    for (const [name, handler] of Object.entries(this.handlers)) this.model.off(name, handler);
    clearInterval(this.watch);
    this.kernel.close();
  }

  get choice() {
    return this.model.get("choice");
  }

  get network() {
    return this.model.get("network");
  }

  // One change of the choice, made on a copy: the model compares old and new.
  change(edit) {
    const choice = copyOf(this.choice);
    edit(choice);
    store(this.model, { choice });
  }

  isDrawn() {
    const { stages } = this.network;
    return JSON.stringify(stages) === JSON.stringify(this.drawn);
  }

  build() {
    this.focused = 0;
    this.drawn = this.network.stages;
    this.root.dataset.layout = this.model.get("layout_name");
    this.root.replaceChildren(
      this.buildPatterns(),
      this.buildHeader(),
      this.buildStrip(),
      (this.controls = this.buildControls()),
      (this.warningList = h("ul", { class: "tlx-warnings", "aria-label": "Warnings" })),
      this.buildCards(),
      h("div", { class: "tlx-below" }, this.buildCode(), this.buildTraining()),
      (this.problem = h("p", { class: "tlx-problem", role: "alert" })),
      (this.spoken = h("p", { class: "tlw-spoken", "aria-live": "polite" })),
    );
    this.update();
    this.showRuns();
    this.showMessage();
  }

  buildPatterns() {
    const pattern = (name, size, path) =>
      svg("pattern",
        { id: `${this.id}-${name}`, width: size, height: size, patternUnits: "userSpaceOnUse" },
        svg("rect", { class: `fill-${name}`, width: size, height: size }),
        svg("path", { class: `ink-${name}`, d: path }));
    return svg("svg", { class: "tlw-spoken", "aria-hidden": "true", width: 0, height: 0 },
      svg("defs", {},
        pattern("trained", 8, "M-2 2l4-4M0 8l8-8M6 10l4-4"),
        pattern("random", 6, "M2 2h.01M5 5h.01"),
        pattern("new", 8, "M0 4h8M4 0v8")));
  }

  buildHeader() {
    const { name, size, weights } = this.network;
    const preset = (text, title, edit) =>
      h("button", { type: "button", title, onclick: () => this.change(edit) }, text);
    const all = (network) => network.stages.map((stage) => stage.name);
    const freezeAllBut = (count) => (choice) => {
      const names = all(this.network);
      Object.assign(choice, {
        kept: names.length,
        frozen: names.slice(0, names.length - count),
        adapting: names.slice(names.length - count),
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
          choice.start = "random";
        })));
  }

  buildStrip() {
    const sizes = this.network.stages.map((stage) => stage.output);
    const most = Math.max(...sizes.map(([, height]) => height));
    const channels = Math.max(...sizes.map(([count]) => count), 32);
    const picture = h("div", { class: "tlx-end", "aria-hidden": "true" },
      svg("svg", { class: "tlx-drawing", viewBox: "0 0 80 90" },
        svg("rect", { class: "picture", x: 12, y: 22, width: 56, height: 56, rx: 3 }),
        svg("path", { class: "picture-ink", d: "M12 68l16-18 12 12 12-16 16 20" }),
        svg("circle", { class: "picture-ink", cx: 52, cy: 36, r: 5 })),
      h("span", { class: "tlx-name" }, "picture"),
      h("span", { class: "tlx-flow-label" }, "cached"),
      h("span", { class: "tlx-flow-label" }, "backward"));
    this.stages = this.network.stages.map((stage, i) => this.buildStage(stage, i, most, channels));
    this.head = h("div", { class: "tlx-stage tlx-head", "data-state": "new" },
      h("div", { class: "tlx-block" },
        svg("svg", { class: "tlx-drawing", viewBox: "0 0 80 90", "aria-hidden": "true" },
          (this.headDrawing = svg("g"))),
        h("span", { class: "tlx-name" }, "head"),
        h("span", { class: "tlx-state" }, icon("new"), "new"),
        (this.headCount = h("span", { class: "tlx-count" }))),
      h("span", { class: "tlx-bn-space" }),
      h("span", { class: "tlx-flow" }),
      h("span", { class: "tlx-flow", "data-back": "2" }));
    this.strip = h("div",
      {
        class: "tlx-strip",
        role: "toolbar",
        "aria-label": "Stages, from the picture to the output",
        onkeydown: (event) => this.onKey(event),
      },
      picture, ...this.stages.map((part) => part.element), this.head);
    return h("div", {},
      this.strip,
      h("p", { class: "tlx-hint" },
        "Click a stage to freeze or thaw it. With the keyboard: arrows move, ",
        h("kbd", {}, "Enter"), " toggles, ", h("kbd", {}, "T"), " (or Shift and click) freezes ",
        "up to here and thaws the rest, ", h("kbd", {}, "B"), " switches batch norm."));
  }

  buildStage(stage, index, most, channels) {
    const [count, height] = stage.output;
    const tall = 14 + 44 * (Math.log2(height + 1) / Math.log2(most + 1)) ** 1.5;
    const thick = 7 + 25 * (Math.log2(count) / Math.log2(channels)) ** 3;
    const deep = tall * 0.32;
    const left = (80 - thick - deep) / 2;
    const top = 84 - tall;
    const face = svg("rect", { class: "face", x: left, y: top, width: thick, height: tall });
    const parts = {
      face,
      state: h("span", { class: "tlx-state" }),
      count: h("span", { class: "tlx-count" }),
      cache: h("span", { class: "tlx-flow", "aria-hidden": "true" }),
      back: h("span", { class: "tlx-flow", "aria-hidden": "true" }),
    };
    parts.block = h("button",
      {
        type: "button",
        class: "tlx-block",
        tabindex: index === 0 ? "0" : "-1",
        onclick: (event) => (event.shiftKey ? this.freezeThrough(index) : this.toggle(index)),
        onfocus: () => this.focusOn(index),
      },
      svg("svg", { class: "tlx-drawing", viewBox: "0 0 80 90", "aria-hidden": "true" },
        svg("path", {
          class: "side top",
          d: `M${left} ${top}l${deep} ${-deep * 0.5}h${thick}l${-deep} ${deep * 0.5}z`,
        }),
        svg("path", {
          class: "side",
          d: `M${left + thick} ${top}l${deep} ${-deep * 0.5}v${tall}l${-deep} ${deep * 0.5}z`,
        }),
        face),
      h("span", { class: "tlx-name" }, stage.name), parts.state, parts.count);
    parts.norm = stage.batch_norm
      ? h("button",
          {
            type: "button",
            class: "tlx-bn",
            tabindex: "-1",
            onclick: () => this.toggleNorm(index),
            onfocus: () => this.focusOn(index),
          })
      : h("span", { class: "tlx-bn-space" }, "no batch norm");
    parts.element = h("div", { class: "tlx-stage", title: this.stageTitle(stage) },
      parts.block, parts.norm, parts.cache, parts.back);
    return parts;
  }

  stageTitle({ output, macs, parameters }) {
    return `gives ${output.join(" × ")} numbers a picture; ${parameters.toLocaleString("en")} ` +
      `parameters; ${formatCount(macs)} multiplications a picture`;
  }

  focusOn(index) {
    this.stages[this.focused].block.setAttribute("tabindex", "-1");
    this.focused = index;
    this.stages[index].block.setAttribute("tabindex", "0");
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const index = this.focused;
    const last = this.choice.kept - 1;
    const onNorm = document.activeElement?.classList.contains("tlx-bn");
    const upright = getComputedStyle(this.strip).flexDirection === "column";
    const along = upright ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
    const across = upright ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    const go = (to, norm = onNorm) => {
      const { block, norm: other } = this.stages[Math.min(last, Math.max(0, to))];
      (norm && other.tagName === "BUTTON" ? other : block).focus();
    };
    const actions = {
      [along[0]]: () => go(index - 1),
      [along[1]]: () => go(index + 1),
      [across[0]]: () => go(index, false),
      [across[1]]: () => go(index, true),
      Home: () => go(0),
      End: () => go(last),
      f: () => this.toggle(index),
      b: () => this.toggleNorm(index),
      t: () => this.freezeThrough(index),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  // As tl.freeze and tl.unfreeze do: batch norm goes along, and can be set apart afterwards.
  toggle(index) {
    const { name } = this.network.stages[index];
    this.change((choice) => {
      const freeze = !choice.frozen.includes(name);
      choice.frozen = freeze ? [...choice.frozen, name] : without(choice.frozen, name);
      choice.adapting = freeze ? without(choice.adapting, name) : [...without(choice.adapting, name), name];
    });
  }

  toggleNorm(index) {
    const { name, batch_norm } = this.network.stages[index];
    if (!batch_norm) return;
    this.change((choice) => {
      choice.adapting = choice.adapting.includes(name)
        ? without(choice.adapting, name)
        : [...choice.adapting, name];
    });
  }

  freezeThrough(index) {
    const names = this.network.stages.map((stage) => stage.name);
    this.change((choice) => {
      choice.frozen = names.slice(0, index + 1);
      choice.adapting = names.slice(index + 1);
    });
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
        onchange: () => this.change((choice) => { choice.start = start; }),
      }));
    return h("div", { class: "tlx-controls" },
      labelled("Keep stages up to", this.keptSelect),
      labelled("On top", this.hiddenSelect),
      h("fieldset", {},
        h("legend", {}, "Thawed stages start from"),
        ...this.startChoices.map((input) => h("label", {}, input, `${input.value} weights`))),
      labelled("Pictures a batch", this.batchSelect));
  }

  buildCards() {
    this.cards = {};
    const card = (key, title, ...more) => {
      const parts = { big: h("p", { class: "big" }), small: h("p", { class: "small" }) };
      parts.more = h("div", {});
      this.cards[key] = parts;
      return h("div", { class: "tlx-card" }, h("h4", {}, title), ...more, parts.big, parts.more, parts.small);
    };
    this.datasetSelect = select([], "", (value) =>
      this.change((choice) => {
        choice.dataset = value;
        const { sizes } = this.model.get("datasets").find((set) => set.name === value);
        if (!sizes.includes(choice.per_class)) choice.per_class = sizes[0];
      }));
    this.sizeSelect = select([], "", (value) =>
      this.change((choice) => { choice.per_class = Number(value); }));
    const where = h("div", { class: "tlx-where" },
      labelled("Data set", this.datasetSelect),
      labelled("Pictures a class", this.sizeSelect));
    if (this.model.get("layout_name") === "classroom") this.controls.prepend(where);
    return h("div", { class: "tlx-cards" },
      card("parameters", "Parameters"),
      card("work", "Work of an epoch"),
      card("cache", "Cache"),
      card("seconds", "Time of an epoch, estimated"),
      card("memory", "Memory"),
      card("measured", "Accuracy, measured", this.model.get("layout_name") === "lesson" ? where : ""));
  }

  buildCode() {
    this.codeKind = this.codeKind ?? "plain";
    this.code = h("pre", { tabindex: "0", "aria-label": "Python code" });
    const said = h("span", { class: "tlx-said", role: "status" });
    const tabs = [["plain", "plain PyTorch"], ["course", "with tlcourse"]].map(([kind, text]) =>
      h("button", {
        type: "button",
        "aria-pressed": String(kind === this.codeKind),
        onclick: (event) => {
          this.codeKind = kind;
          for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab === event.currentTarget));
          this.update();
        },
      }, text));
    const copy = async () => {
      const text = this.code.textContent;
      try {
        await navigator.clipboard.writeText(text);
        setText(said, "Copied.");
      } catch {
        // No permission, or a page that is not served securely: select it, the keys do the rest.
        getSelection().selectAllChildren(this.code);
        setText(said, "Selected: copy it with Ctrl+C or ⌘C.");
      }
    };
    return h("details", { class: "tlx-code", open: this.model.get("layout_name") === "lesson" },
      h("summary", {}, "The same in code"),
      h("div", { class: "tlx-presets", role: "group", "aria-label": "Code" },
        ...tabs, h("button", { type: "button", class: "tlx-copy", onclick: copy }, "Copy"), said),
      this.code);
  }

  buildTraining() {
    this.trainButton = h("button",
      { type: "button", class: "tlx-go", onclick: () => this.train() }, "Train");
    this.stopButton = h("button",
      { type: "button", onclick: () => this.kernel.send({ do: "stop" }) }, "Stop");
    this.clearButton = h("button",
      { type: "button", onclick: () => this.kernel.send({ do: "clear" }) }, "Clear");
    this.status = h("p", { class: "tlx-status", role: "status" });
    this.chart = h("div");
    return h("div", { class: "tlx-train" },
      h("h4", {}, "Try it"),
      h("div", { class: "tlx-presets" }, this.trainButton, this.stopButton, this.clearButton),
      this.status, this.chart);
  }

  train() {
    this.lost = false;
    this.asked = true;
    this.kernel.send({ do: "train" });
    this.showRuns();
    this.kernel.ask(6, () => this.loseKernel());
  }

  loseKernel() {
    this.lost = true;
    this.asked = false;
    this.showRuns();
  }

  update() {
    const { network, choice } = this;
    const summary = summarise(network, choice, this.model.get("measured"));
    const facts = stageFacts(network, choice);
    this.updateStages(choice, facts, summary);
    this.updateControls(choice);
    this.updateCards(choice, summary);
    this.warningList.replaceChildren(
      ...summary.warnings.map((warning) => h("li", {}, warningText(warning))));
    setText(this.code, (this.codeKind === "plain" ? plainCode : courseCode)(network, choice));
    setText(this.spoken, summaryText(summary));
  }

  updateStages(choice, facts, summary) {
    this.network.stages.forEach((stage, i) => {
      const parts = this.stages[i];
      const removed = i >= choice.kept;
      const frozen = choice.frozen.includes(stage.name);
      const random = !removed && !frozen && choice.start === "random";
      const state = removed ? "removed" : frozen ? "frozen" : "trained";
      const alive = stage.batch_norm && choice.adapting.includes(stage.name);
      parts.element.dataset.state = state;
      parts.element.dataset.start = random ? "random" : "pretrained";
      parts.face.setAttribute("fill",
        state === "trained" ? `url(#${this.id}-${random ? "random" : "trained"})` : "");
      parts.block.setAttribute("aria-pressed", String(frozen));
      parts.block.disabled = removed;
      parts.state.replaceChildren(icon(state), random ? "random" : state);
      parts.count.replaceChildren(
        formatCount(stage.parameters), h("span", { class: "tlw-spoken" }, " parameters"));
      if (stage.batch_norm) {
        parts.norm.setAttribute("aria-pressed", String(alive));
        const text = alive ? "BN alive" : "BN still";
        parts.norm.setAttribute("aria-label", `${text}: batch norm of ${stage.name}`);
        parts.norm.disabled = removed;
        parts.norm.dataset.odd = String(alive === frozen && !removed);
        setText(parts.norm, text);
      }
      parts.cache.dataset.cached = String(i < facts.prefix);
      parts.back.dataset.back = removed || i < facts.lowest ? "0" : frozen ? "1" : "2";
    });
    if (this.focused >= choice.kept) this.focusOn(choice.kept - 1);
    const hidden = choice.hidden > 0;
    this.headDrawing.replaceChildren(
      ...(hidden ? [svg("rect", { class: "face", x: 22, y: 30, width: 9, height: 54 })] : []),
      svg("rect", { class: "face", x: hidden ? 46 : 35, y: 44, width: 9, height: 40 }));
    for (const face of this.headDrawing.children) face.setAttribute("fill", `url(#${this.id}-new)`);
    setText(this.headCount, formatCount(summary.parameters.new));
  }

  updateControls(choice) {
    const options = (values, value) => [...new Set([...values, value])].sort((a, b) => a - b);
    this.keptSelect.value = String(choice.kept);
    fillSelect(this.hiddenSelect,
      options(HIDDEN, choice.hidden).map((units) =>
        [units, units ? `${units} hidden units, then ${this.network.classes} classes`
          : `linear, ${this.network.classes} classes`]),
      choice.hidden);
    fillSelect(this.batchSelect, options(BATCHES, choice.batch).map((n) => [n, n]), choice.batch);
    for (const input of this.startChoices) input.checked = input.value === choice.start;
    const sets = this.model.get("datasets");
    fillSelect(this.datasetSelect, sets.map((set) => [set.name, set.title]), choice.dataset);
    const sizes = sets.find((set) => set.name === choice.dataset)?.sizes ?? [];
    fillSelect(this.sizeSelect, options(sizes, choice.per_class).map((n) => [n, n]), choice.per_class);
  }

  updateCards(choice, summary) {
    const { parameters, work, memory, cache, seconds } = summary;
    const say = (key, big, small, ...more) => {
      setText(this.cards[key].big, big);
      setText(this.cards[key].small, small);
      this.cards[key].more.replaceChildren(...more);
    };
    const thawed = parameters.trained - parameters.new;
    say("parameters", `${formatCount(parameters.trained)} trained`,
      `${formatCount(parameters.new)} new in the head, ${formatCount(thawed)} thawed, ` +
      `${formatCount(parameters.frozen)} frozen` +
      (parameters.removed ? `, ${formatCount(parameters.removed)} removed` : ""),
      stackedBar([
        ["new", parameters.new], ["trained", thawed], ["frozen", parameters.frozen],
        ["removed", parameters.removed],
      ]));
    say("work", `${formatShare(work.total)} left`,
      cache.through
        ? `of training the whole network; with the cache ${formatShare(work.cached_total)}`
        : "of training the whole network; there is nothing to cache",
      shareBar("forward", work.forward, work.cached_forward),
      shareBar("backward", work.backward, work.backward));
    say("cache", cache.through ? `through ${cache.through}` : "nothing",
      cache.through
        ? `${cache.stages} of ${this.network.stages.length} stages need to run once only. ` +
          `${cache.numbers.toLocaleString("en")} numbers a picture, ` +
          `${formatBytes(cache.bytes)} on disk for ${choice.per_class * this.network.classes} pictures`
        : "Freeze from the stem on, batch norm included: what comes out is then the same each epoch.");
    this.sayMemory(say, choice, memory);
    this.saySeconds(say, choice, seconds, cache);
    this.sayMeasured(say, choice, summary);
  }

  sayMemory(say, choice, memory) {
    say("memory", formatBytes(memory.activations),
      `of activations kept for the backward pass of ${choice.batch} pictures ` +
      `(${formatBytes(memory.activations_all)} if all is trained); gradients and AdamW's state: ` +
      `${formatBytes(memory.optimizer)}`,
      shareBar("of all", memory.activations / memory.activations_all, null));
  }

  saySeconds(say, choice, seconds, cache) {
    if (!seconds) {
      say("seconds", "unknown", "The speed of this machine was not measured.");
      return;
    }
    const { speed, size, classes } = this.network;
    const cached = cache.through ? `, ${formatSeconds(seconds.cached)} cached` : "";
    const filling = cache.through ? ` Filling the cache, once: ${formatSeconds(seconds.filling)}.` : "";
    say("seconds", `${formatSeconds(seconds.plain)}${cached}`,
      `for ${choice.per_class * classes} pictures.${filling} Computed from a measured ` +
      `${formatSeconds(speed.forward)} forward and ${formatSeconds(speed.backward)} backward a ` +
      `picture (${speed.device === "cpu" ? "one core" : speed.device}, ${size} px); ` +
      "reading pictures is not counted.");
  }

  sayMeasured(say, choice, { strategy, measured }) {
    const rows = this.model.get("measured").filter(
      (row) => row.dataset === choice.dataset && row.train_per_class === choice.per_class);
    const strip = rows.length ? [dotStrip(rows, measured)] : [];
    if (!measured) {
      say("measured", "not measured",
        whyNotMeasured(strategy, choice, this.model.get("measured")), ...strip);
      return;
    }
    say("measured", measured.mean.toFixed(3),
      `${strategy}, ${measured.size} px: mean on test pictures; ${measured.n} seeds from ` +
      `${measured.low.toFixed(3)} to ${measured.high.toFixed(3)}. Pale: the ${rows.length - 1} ` +
      "other strategies measured there.",
      ...strip);
  }

  showMessage() {
    setText(this.problem, this.model.get("message"));
  }

  showRuns() {
    if (!this.status) return;
    const state = this.model.get("run_state");
    const running = state !== "idle";
    const runs = this.model.get("runs");
    const alive = this.kernel.alive;
    if (running) this.asked = false;
    this.trainButton.disabled = !alive || running || this.asked || !this.model.get("can_train");
    this.stopButton.disabled = !alive || !running || state === "stopping";
    this.clearButton.disabled = !alive || running || !runs.length;
    setText(this.status, this.sayStatus(state, alive, runs));
    this.chart.replaceChildren(...(runs.length ? [accuracyChart(runs), runTable(runs)] : []));
    this.watchKernel(running && alive);
  }

  sayStatus(state, alive, runs) {
    if (this.lost) {
      return "The kernel does not answer: it is busy with a cell, or has stopped. If it has, run " +
        "the notebook again; everything but training goes on working here.";
    }
    if (!alive) {
      return "Training needs a running kernel: open this notebook in JupyterLab and run it. " +
        "All else works here.";
    }
    if (!this.model.get("can_train")) {
      return "To train from here, give it pictures: FreezeExplorer(model, data=pets).";
    }
    if (this.asked) return "Asking the kernel …";
    const last = runs[runs.length - 1];
    return {
      idle: runs.length
        ? "Change something and train again to compare."
        : "Trains a fresh copy for a few seconds; your model keeps its weights.",
      preparing: "Reading pictures, computing what is frozen …",
      training: `Training: epoch ${last?.rows.length ?? 0}.`,
      stopping: "Stopping after this epoch …",
    }[state];
  }

  // While it trains, a kernel that has died is noticed.
  watchKernel(on) {
    if (on === Boolean(this.watch)) return;
    clearInterval(this.watch);
    this.watch = on
      ? setInterval(() => this.kernel.ask(9, () => this.loseKernel()), 5000)
      : undefined;
  }
}

function stackedBar(parts) {
  const total = parts.reduce((sum, [, count]) => sum + count, 0);
  return h("div", { class: "tlx-bar", "aria-hidden": "true" },
    ...parts.filter(([, count]) => count).map(([kind, count]) =>
      h("span", { "data-kind": kind, style: `width:${Math.max(0.8, (100 * count) / total)}%` })));
}

function shareBar(label, share, cached) {
  const spans = [h("span", { "data-kind": "share", style: `width:${100 * (cached ?? share)}%` })];
  if (cached !== null && cached < share) {
    spans.push(h("span", { "data-kind": "saved", style: `width:${100 * (share - cached)}%` }));
  }
  return h("div", { class: "tlx-share" }, h("span", {}, label),
    h("div", { class: "tlx-bar", "aria-hidden": "true" }, ...spans),
    h("span", {}, formatShare(share)));
}

// All strategies measured on the same pictures, and where this one stands among them.
function dotStrip(rows, current) {
  const low = Math.min(...rows.map((row) => row.low));
  const from = Math.max(0, Math.floor(low * 10 - 0.5) / 10);
  const x = (value) => 12 + (276 * (value - from)) / (1 - from || 1);
  const dot = (row, kind) => svg("circle", { class: kind, cx: x(row.mean), cy: 14, r: kind === "other" ? 4 : 6 },
    svg("title", {}, `${row.strategy}: ${row.mean.toFixed(3)}`));
  const mine = current
    ? [svg("line", { class: "spread", x1: x(current.low), x2: x(current.high), y1: 14, y2: 14 }), dot(current, "this")]
    : [];
  return svg("svg", { class: "tlx-dots", viewBox: "0 0 300 36", "aria-hidden": "true" },
    svg("line", { class: "axis", x1: x(from), x2: x(1), y1: 24, y2: 24 }),
    svg("text", { x: x(from), y: 35 }, from.toFixed(1)),
    svg("text", { x: x(1), y: 35, "text-anchor": "end" }, "1"),
    ...rows.filter((row) => row.strategy !== current?.strategy).map((row) => dot(row, "other")), ...mine);
}

function render({ model, el }) {
  const view = new ExplorerView(model, el);
  return () => view.close();
}

export default { render };
