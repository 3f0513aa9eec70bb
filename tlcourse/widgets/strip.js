// The network, drawn stage by stage: what can be clicked, and the keys that do the same.
import { h, svg, setText } from "./dom.js";
import { formatCount } from "./texts.js";

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

const without = (list, name) => list.filter((other) => other !== name);

export class Strip {
  // `view` gives the network, the choice, a name for ids, and changes the choice.
  constructor(view) {
    this.view = view;
    this.focused = 0;
  }

  buildPatterns() {
    const pattern = (name, size, path) =>
      svg("pattern",
        { id: `${this.view.id}-${name}`, width: size, height: size, patternUnits: "userSpaceOnUse" },
        svg("rect", { class: `fill-${name}`, width: size, height: size }),
        svg("path", { class: `ink-${name}`, d: path }));
    return svg("svg", { class: "tlw-spoken", "aria-hidden": "true", width: 0, height: 0 },
      svg("defs", {},
        pattern("trained", 8, "M-2 2l4-4M0 8l8-8M6 10l4-4"),
        pattern("random", 6, "M2 2h.01M5 5h.01"),
        pattern("new", 8, "M0 4h8M4 0v8")));
  }

  build() {
    const sizes = this.view.network.stages.map((stage) => stage.output);
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
    this.stages = this.view.network.stages.map((stage, i) => this.buildStage(stage, i, most, channels));
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
      this.buildPatterns(),
      this.strip,
      h("p", { class: "tlx-hint" },
        "Click a stage to freeze or thaw it.",
        h("span", { class: "tlx-keys" },
          " With the keyboard: arrows move, ", h("kbd", {}, "Enter"), " toggles, ",
          h("kbd", {}, "T"), " (or Shift and click) freezes up to here and thaws the rest, ",
          h("kbd", {}, "B"), " switches batch norm.")));
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
    const last = this.view.choice.kept - 1;
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

  // Batch norm stays still in what is pretrained, and can be set apart afterwards.
  toggle(index) {
    const { name } = this.view.network.stages[index];
    this.view.change((choice) => {
      const freeze = !choice.frozen.includes(name);
      choice.frozen = freeze ? [...choice.frozen, name] : without(choice.frozen, name);
      choice.adapting = without(choice.adapting, name);
      if (!freeze && choice.start === "random") choice.adapting.push(name);
    });
  }

  toggleNorm(index) {
    const { name, batch_norm } = this.view.network.stages[index];
    if (!batch_norm) return;
    this.view.change((choice) => {
      choice.adapting = choice.adapting.includes(name)
        ? without(choice.adapting, name)
        : [...choice.adapting, name];
    });
  }

  freezeThrough(index) {
    const names = this.view.network.stages.map((stage) => stage.name);
    this.view.change((choice) => {
      choice.frozen = names.slice(0, index + 1);
      choice.adapting = choice.start === "random" ? names.slice(index + 1) : [];
    });
  }

  update(choice, facts, summary) {
    this.view.network.stages.forEach((stage, i) => {
      const parts = this.stages[i];
      const removed = i >= choice.kept;
      const frozen = choice.frozen.includes(stage.name);
      const random = !removed && !frozen && choice.start === "random";
      const state = removed ? "removed" : frozen ? "frozen" : "trained";
      const alive = stage.batch_norm && choice.adapting.includes(stage.name);
      parts.element.dataset.state = state;
      parts.element.dataset.start = random ? "random" : "pretrained";
      parts.face.setAttribute("fill",
        state === "trained" ? `url(#${this.view.id}-${random ? "random" : "trained"})` : "");
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
        parts.norm.dataset.odd = String(!removed && (random ? !alive : alive));
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
    for (const face of this.headDrawing.children) face.setAttribute("fill", `url(#${this.view.id}-new)`);
    setText(this.headCount, formatCount(summary.parameters.new));
  }
}
