// The explorer's figures: six cards with numbers and bars.
import { nearestMeasured } from "./costs.js";
import { h, svg, setText, labelled, select, fillSelect, withValue } from "./dom.js";
import { formatBytes, formatCount, formatSeconds, formatShare, whyNotMeasured } from "./texts.js";

export class Figures {
  // `view` gives the network, the choice and the model, and changes the choice.
  constructor(view) {
    this.view = view;
  }

  build() {
    this.cards = {};
    const card = (key, title, ...more) => {
      const parts = { big: h("p", { class: "big" }), small: h("p", { class: "small" }) };
      parts.more = h("div", {});
      this.cards[key] = parts;
      return h("div", { class: "tlx-card" },
        h("h4", {}, title), ...more, parts.big, parts.more, parts.small);
    };
    this.datasetSelect = select([], "", (value) =>
      this.view.change((choice) => {
        choice.dataset = value;
        const { sizes } = this.view.model.get("datasets").find((set) => set.name === value);
        if (!sizes.includes(choice.per_class)) choice.per_class = sizes[0];
      }));
    this.sizeSelect = select([], "", (value) =>
      this.view.change((choice) => { choice.per_class = Number(value); }));
    const where = h("div", { class: "tlx-where" },
      labelled("Data set", this.datasetSelect),
      labelled("Pictures per class", this.sizeSelect));
    return h("div", { class: "tlx-cards" },
      card("parameters", "Parameters"),
      card("work", "Work of an epoch"),
      card("cache", "Cache"),
      card("seconds", "Time of an epoch, estimated"),
      card("memory", "Memory"),
      card("measured", "Accuracy, measured", where));
  }

  update(choice, summary) {
    const sets = this.view.model.get("datasets");
    fillSelect(this.datasetSelect, sets.map((set) => [set.name, set.title]), choice.dataset);
    const sizes = sets.find((set) => set.name === choice.dataset)?.sizes ?? [];
    fillSelect(this.sizeSelect,
      withValue(sizes, choice.per_class).map((n) => [n, n]), choice.per_class);
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
        ? `${cache.stages} of ${this.view.network.stages.length} stages need to run once only. ` +
          `${cache.numbers.toLocaleString("en")} numbers a picture, ` +
          `${formatBytes(cache.bytes)} on disk for ${choice.per_class * this.view.network.classes} pictures`
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
    const { speed, size, classes } = this.view.network;
    const cached = cache.through ? `, ${formatSeconds(seconds.cached)} cached` : "";
    const filling = cache.through ? ` Filling the cache, once: ${formatSeconds(seconds.filling)}.` : "";
    say("seconds", `${formatSeconds(seconds.plain)}${cached}`,
      `for ${choice.per_class * classes} pictures.${filling} Computed from a measured ` +
      `${formatSeconds(speed.forward)} forward and ${formatSeconds(speed.backward)} backward a ` +
      `picture (${speed.device === "cpu" ? "one core" : speed.device}, ${size} px); ` +
      "reading pictures is not counted.");
  }

  sayMeasured(say, choice, { strategy, measured }) {
    const rows = this.view.model.get("measured").filter(
      (row) => row.dataset === choice.dataset && row.train_per_class === choice.per_class);
    const strip = rows.length ? [dotStrip(rows, measured)] : [];
    if (!measured) {
      const nearest = nearestMeasured(this.view.network, choice, this.view.model.get("measured"));
      const why = whyNotMeasured(strategy, choice, this.view.model.get("measured"));
      say("measured", nearest ? `about ${nearest.mean.toFixed(2)}` : "not measured",
        nearest
          ? `${why} Nearest to it: ${nearest.strategy} with ${nearest.train_per_class} pictures per ` +
            `class, ${nearest.n} seeds from ${nearest.low.toFixed(3)} to ${nearest.high.toFixed(3)}.`
          : why,
        ...strip);
      return;
    }
    say("measured", measured.mean.toFixed(3),
      `${strategy}, ${measured.size} px: mean on test pictures; ${measured.n} seeds from ` +
      `${measured.low.toFixed(3)} to ${measured.high.toFixed(3)}. Pale: the ${rows.length - 1} ` +
      "other strategies measured there.",
      ...strip);
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
  const dot = (row, kind) => svg("circle",
    { class: kind, cx: x(row.mean), cy: 14, r: kind === "other" ? 4 : 6 },
    svg("title", {}, `${row.strategy}: ${row.mean.toFixed(3)}`));
  const mine = current
    ? [svg("line", { class: "spread", x1: x(current.low), x2: x(current.high), y1: 14, y2: 14 }),
        dot(current, "this")]
    : [];
  return svg("svg", { class: "tlx-dots", viewBox: "0 0 300 36", "aria-hidden": "true" },
    svg("line", { class: "axis", x1: x(from), x2: x(1), y1: 24, y2: 24 }),
    svg("text", { x: x(from), y: 35 }, from.toFixed(1)),
    svg("text", { x: x(1), y: 35, "text-anchor": "end" }, "1"),
    ...rows.filter((row) => row.strategy !== current?.strategy).map((row) => dot(row, "other")), ...mine);
}
