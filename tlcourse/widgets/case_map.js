// The case map's view.
import { h, svg, setText, root, labelled, store, Kernel } from "./dom.js";
import { LARGEST, inWords, nearestPoint, regionAt, standing } from "./cases.js";

const WIDTH = 520;
const HEIGHT = 400;
const BOX = { left: 52, right: 14, top: 12, bottom: 46 };
const across = (size) =>
  BOX.left + (Math.log10(size) / Math.log10(LARGEST)) * (WIDTH - BOX.left - BOX.right);
const up = (similarity) => BOX.top + (1 - similarity) * (HEIGHT - BOX.top - BOX.bottom);
// The slider of sizes moves by equal factors.
const toSize = (step) => Math.round(10 ** (Number(step) / 100));
const toStep = (size) => Math.round(100 * Math.log10(size));

class CaseMapView {
  constructor(model, el) {
    this.model = model;
    this.root = root(el, "tlm", "Case map");
    this.kernel = new Kernel(model, () => {});
    this.handlers = {
      "change:points": () => this.build(),
      "change:regions": () => this.build(),
      "change:per_class": () => this.update(),
      "change:similarity": () => this.update(),
    };
    for (const [name, handler] of Object.entries(this.handlers)) model.on(name, handler);
    this.build();
  }

  close() {
    for (const [name, handler] of Object.entries(this.handlers)) this.model.off(name, handler);
    this.kernel.close();
  }

  build() {
    const slider = (min, max, step, oninput) =>
      h("input", { type: "range", min, max, step, oninput: (event) => oninput(event.target.value) });
    this.size = slider(0, 300, 1, (step) => store(this.model, { per_class: toSize(step) }));
    this.similarity = slider(0, 1, 0.01, (value) =>
      store(this.model, { similarity: Number(value) }));
    this.sizeText = h("output");
    this.similarityText = h("output");
    this.advice = h("div", { class: "tlm-advice", "aria-live": "polite" });
    this.measured = h("div", { class: "tlm-measured" });
    this.root.replaceChildren(
      h("h3", {}, "What to do with your pictures"),
      h("div", { class: "tlm-columns" },
        this.buildMap(),
        h("div", { class: "tlm-side" },
          h("div", { class: "tlm-sliders" },
            labelled("Training pictures per class", this.size), this.sizeText,
            labelled("How similar to the pictures the network learnt from", this.similarity),
            this.similarityText),
          this.advice, this.measured)));
    this.update();
  }

  buildMap() {
    const { points, regions } = { points: this.model.get("points"), regions: this.model.get("regions") };
    this.areas = regions.map((region) => {
      const [left, right] = region.per_class.map(across);
      const [low, high] = region.similarity.map(up);
      return svg("g", { class: "area" },
        svg("rect", { x: left, y: high, width: right - left, height: low - high }),
        svg("text", { x: left + 8, y: high + 19, class: "title" }, region.title),
        svg("text", { x: left + 8, y: high + 38 }, region.strategy));
    });
    this.dots = points.map((point) => {
      const go = () => store(this.model, { per_class: point.per_class, similarity: point.similarity });
      const right = across(point.per_class) < WIDTH - 150;
      return svg("g",
        {
          class: "point",
          role: "button",
          tabindex: "0",
          "aria-label": `${point.name}, ${point.per_class} pictures per class`,
          onclick: go,
          onkeydown: (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            go();
          },
        },
        svg("circle", { class: "hit", cx: across(point.per_class), cy: up(point.similarity), r: 13 }),
        svg("circle", { cx: across(point.per_class), cy: up(point.similarity), r: 6 }),
        svg("text",
          {
            x: across(point.per_class) + (right ? 10 : -10),
            y: up(point.similarity) + 4,
            "text-anchor": right ? "start" : "end",
          }, point.name));
    });
    const ticks = [1, 3, 10, 30, 100, 300, 1000].map((size) =>
      svg("text", { x: across(size), y: HEIGHT - 26, "text-anchor": "middle" }, `${size}`));
    const levels = [0, 0.5, 1].map((level) =>
      svg("text", { x: BOX.left - 8, y: up(level) + 4, "text-anchor": "end" }, `${level}`));
    this.cross = svg("path", { class: "here" });
    const drag = (event) => {
      if (event.type === "pointerdown") event.currentTarget.setPointerCapture(event.pointerId);
      else if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
      this.goTo(event);
    };
    return (this.map = svg("svg",
      {
        onpointerdown: drag,
        onpointermove: drag,
        class: points.length > 6 ? "tlm-map many" : "tlm-map",
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        role: "group",
        "aria-label": "Map of size and similarity; the measured data sets are buttons",
      },
      ...this.areas, ...ticks, ...levels,
      svg("text", { x: (BOX.left + WIDTH) / 2, y: HEIGHT - 6, "text-anchor": "middle", class: "axis" },
        "training pictures per class"),
      svg("text", { x: 13, y: HEIGHT / 2 - 10, "text-anchor": "middle", class: "axis",
        transform: `rotate(-90 13 ${HEIGHT / 2 - 10})` }, "similarity"),
      ...this.dots, this.cross));
  }

  // To where the pointer is; onto a measured point where it is near one.
  goTo(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.map.getScreenCTM().inverse());
    const near = this.model.get("points").find((point) =>
      Math.hypot(across(point.per_class) - at.x, up(point.similarity) - at.y) < 11);
    const within = (value, high) => Math.min(high, Math.max(0, value));
    const size = within((at.x - BOX.left) / (WIDTH - BOX.left - BOX.right), 1) * Math.log10(LARGEST);
    const similarity = 1 - within((at.y - BOX.top) / (HEIGHT - BOX.top - BOX.bottom), 1);
    store(this.model, near
      ? { per_class: near.per_class, similarity: near.similarity }
      : { per_class: Math.round(10 ** size), similarity: Math.round(100 * similarity) / 100 });
  }

  update() {
    const size = this.model.get("per_class");
    const similarity = this.model.get("similarity");
    const points = this.model.get("points");
    const regions = this.model.get("regions");
    // The slider is left alone while it moves: rounding would push it back.
    if (toSize(this.size.value) !== size) this.size.value = String(toStep(size));
    this.size.setAttribute("aria-valuetext", `${size} pictures per class`);
    this.similarity.value = String(similarity);
    setText(this.sizeText, `${size}`);
    setText(this.similarityText, similarity.toFixed(2));
    const [x, y] = [across(size), up(similarity)];
    this.cross.setAttribute("d", `M${x - 11} ${y}h22M${x} ${y - 11}v22`);
    const region = regionAt(regions, size, similarity);
    this.areas.forEach((area, i) => area.classList.toggle("on", regions[i] === region));
    this.advice.replaceChildren(
      ...(region
        ? [h("h4", {}, `Your case: ${region.title}`), h("p", { class: "big" }, inWords(region.strategy)), h("code", {}, region.strategy),
          h("p", {}, region.why)]
        : [h("p", {}, "No corner of the map holds this size and similarity.")]));
    const nearest = nearestPoint(points, size, similarity);
    this.dots.forEach((dot, i) => dot.classList.toggle("on", i === nearest));
    this.measured.replaceChildren(...this.sayPoint(points[nearest], region));
  }

  sayPoint(point, region) {
    if (!point) return [h("p", { class: "soft" }, "No measured data sets are given.")];
    const scores = [...point.scores].sort((a, b) => b.mean - a.mean);
    const from = Math.max(0, Math.floor(10 * Math.min(...scores.map((score) => score.low)) - 0.5) / 10);
    const place = (value) => (100 * (value - from)) / (1 - from || 1);
    const state = region ? standing(scores, region.strategy) : { own: null, beaten: false };
    const kind = (strategy) =>
      strategy !== region?.strategy ? "" : state.beaten ? "recommended beaten" : "recommended";
    const bar = ({ strategy, mean, low, high }) =>
      h("tr", { class: kind(strategy) },
        h("th", { scope: "row" }, strategy),
        h("td", {},
          h("span", { class: "track", "aria-hidden": "true" },
            h("span", { class: "spread", style: `left:${place(low)}%;width:${place(high) - place(low)}%` }),
            h("span", { class: "dot", style: `left:${place(mean)}%` }))),
        h("td", {}, mean.toFixed(3)));
    return [
      h("h4", {}, `Measured nearest to it: ${point.name}, ${point.per_class} pictures per class`),
      region ? h("p", { class: state.beaten ? "verdict beaten" : "verdict" }, this.sayStanding(state, region)) : "",
      h("table", {},
        h("caption", {}, `Test accuracy from ${from.toFixed(1)} to 1: mean, and range over seeds`),
        h("tbody", {}, ...scores.map(bar))),
    ];
  }

  sayStanding({ own, best, lead, beaten }, region) {
    if (!own) return `${region.strategy} was not measured here.`;
    if (beaten) {
      return `Here the rule is beaten: ${best.strategy} is ${lead.toFixed(1)} points ahead of ` +
        `${own.strategy}.`;
    }
    return best === own ? "Here the rule holds: nothing that was measured is better."
      : `Here the rule holds: ${best.strategy} is ahead by ${lead.toFixed(1)} points only.`;
  }
}

function render({ model, el }) {
  const view = new CaseMapView(model, el);
  return () => view.close();
}

export default { render };
