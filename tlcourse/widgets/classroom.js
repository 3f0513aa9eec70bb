// The page for the front of a classroom: pictures, what may learn, and what came of it.
import { cellRuns, h, svg, setText, root, select, silence, store, Kernel } from "./dom.js";
import { summarise } from "./costs.js";
import { formatBytes, formatCount, formatSeconds, formatShare } from "./texts.js";
import { colour, race, right, score, verdict } from "./race.js";
import { Script } from "./script.js";

const LARGEST_SIDE = 640;
// A number and its unit stay on one line.
const firm = (text) => text.replace(/ (?=(%|s|ms|min)$)/, "\u00a0");

class ClassroomView {
  constructor(model, el) {
    this.model = model;
    this.root = root(el, "tlc", "Teach a network");
    this.kernel = new Kernel(model, () => this.showRuns());
    this.handlers = {
      "change:choice": () => this.update(),
      "change:plans": () => this.update(),
      "change:shelf": () => this.update(),
      "change:runs": () => this.showRuns(),
      "change:run_state": () => this.showRuns(),
      "change:message": () => setText(this.problem, this.model.get("message")),
      "change:answer": () => this.showAnswer(),
    };
    for (const [name, handler] of Object.entries(this.handlers)) model.on(name, handler);
    this.build();
  }

  close() {
    for (const [name, handler] of Object.entries(this.handlers)) this.model.off(name, handler);
    this.kernel.close();
  }

  get busy() {
    return this.model.get("run_state") !== "idle";
  }

  choose(changes) {
    store(this.model, { choice: { ...this.model.get("choice"), ...changes } });
  }

  train(plan) {
    if (this.busy) return;
    if (plan) this.choose({ plan });
    this.kernel.send({ do: "train" });
    if (cellRuns(this.model)) setText(this.verdict, silence(this.model));
  }

  clear() {
    this.kernel.send({ do: "clear" });
  }

  build() {
    this.script = new Script((plan) => this.train(plan), () => this.clear());
    this.problem = h("p", { class: "problem", role: "alert" });
    this.root.replaceChildren(
      h("h1", {}, "Teach a network"),
      h("div", { class: "tlc-columns" }, this.buildPictures(), this.buildNetwork(), this.buildResults()),
      this.problem, this.script.build(), this.buildDetails());
    this.update();
    this.showRuns();
    this.showAnswer();
    setText(this.problem, this.model.get("message"));
  }

  buildPictures() {
    const sets = this.model.get("sets").map((set) => [set.name, set.title]);
    this.setSelect = select(sets, "", (value) => this.choose({ set: value }));
    this.sizeSelect = select(this.model.get("sizes").map((n) => [n, `${n} of each`]), "",
      (value) => this.choose({ per_class: Number(value) }));
    this.setSelect.setAttribute("aria-label", "Pictures");
    this.sizeSelect.setAttribute("aria-label", "Pictures of each class");
    this.shelf = h("div", { class: "shelf" });
    this.file = h("input", {
      type: "file", accept: "image/*", class: "tlw-spoken",
      onchange: () => this.take(this.file.files[0]),
    });
    this.answer = h("div", { class: "answer", "aria-live": "polite" });
    this.drop = h("label",
      {
        class: "drop",
        ondragover: (event) => event.preventDefault(),
        ondrop: (event) => {
          event.preventDefault();
          this.take(event.dataTransfer.files[0]);
        },
      }, this.file, this.answer);
    return h("section", { class: "tlc-pictures" },
      h("h2", {}, "It learns from"),
      h("div", { class: "row" }, this.setSelect, this.sizeSelect), this.shelf, this.drop);
  }

  buildNetwork() {
    this.drawing = h("div", { class: "stages", role: "img" });
    this.planButtons = this.model.get("plans").map((plan) =>
      h("button", { type: "button", class: "plan", onclick: () => this.choose({ plan: plan.name }) },
        h("b", {}, plan.title), h("span", {}, plan.term)));
    this.cost = h("p", { class: "cost" });
    this.trainButton = h("button", { type: "button", class: "go", onclick: () => this.train() }, "Train");
    this.stopButton = h("button", { type: "button", onclick: () => this.kernel.send({ do: "stop" }) }, "Stop");
    this.clearButton = h("button", { type: "button", onclick: () => this.clear() }, "Clear");
    return h("section", { class: "tlc-network" },
      h("h2", {}, "What may learn?"), this.drawing,
      h("div", { class: "plans", role: "group", "aria-label": "What may learn" }, ...this.planButtons),
      this.cost,
      h("div", { class: "row" }, this.trainButton, this.stopButton, this.clearButton,
        h("button", { type: "button", onclick: () => this.details.showModal() }, "Details")));
  }

  buildResults() {
    this.big = h("p", { class: "big", role: "status" });
    this.verdict = h("p", { class: "verdict" });
    this.unseen = h("div", { class: "unseen" });
    this.chart = h("div");
    return h("section", { class: "tlc-results" },
      h("h2", {}, "On pictures that it has never seen"), this.big,
      h("div", { class: "said" }, this.unseen, this.verdict),
      this.chart);
  }

  buildDetails() {
    this.table = h("div");
    this.details = h("dialog", { class: "tlc-details", "aria-label": "Details" },
      this.table,
      h("button", { type: "button", onclick: () => this.details.close() }, "Close"));
    return this.details;
  }

  update() {
    const choice = this.model.get("choice");
    const plans = this.model.get("plans");
    const plan = plans.find((one) => one.name === choice.plan);
    this.setSelect.value = choice.set;
    this.sizeSelect.value = String(choice.per_class);
    this.planButtons.forEach((button, i) =>
      button.setAttribute("aria-pressed", String(plans[i].name === choice.plan)));
    this.drawStages(plan);
    const { parameters, work } = summarise(this.model.get("network"), plan.choice);
    setText(this.cost, `${formatCount(parameters.trained)} of ` +
      `${formatCount(parameters.trained + parameters.frozen)} numbers learn: ` +
      `${firm(formatShare(work.cached_total))} of the work.`);
    this.drawShelf();
    this.showRuns();
  }

  drawStages(plan) {
    const { stages } = this.model.get("network");
    const kinds = stages.map(({ name }) =>
      plan.choice.frozen.includes(name) ? "frozen"
        : plan.choice.start === "random" ? "random" : "trained");
    const most = Math.max(...stages.map((stage) => stage.output[1]));
    const bars = stages.map(({ output }, i) => {
      const tall = 26 + 56 * Math.sqrt(output[1] / most);
      return svg("rect", { class: kinds[i], x: i * 30 + 4, y: 48 - tall / 2, width: 22, height: tall, rx: 4 });
    });
    const end = stages.length * 30;
    bars.push(svg("rect", { class: "new", x: end + 6, y: 26, width: 22, height: 44, rx: 4 }));
    const seen = [...new Set([...kinds, "new"])];
    const words = {
      frozen: "keeps what it knows", trained: "goes on learning", random: "begins at random", new: "new head",
    };
    this.drawing.setAttribute("aria-label", seen.map((kind) => words[kind]).join(", "));
    this.drawing.replaceChildren(
      svg("svg", { viewBox: `0 0 ${end + 32} 96`, "aria-hidden": "true" }, ...bars),
      h("p", { class: "legend", "aria-hidden": "true" },
        ...seen.map((kind) => h("span", {}, h("i", { class: kind }), words[kind]))));
  }

  drawShelf() {
    const { classes, unseen } = this.model.get("shelf");
    this.shelf.dataset.many = String(classes.length > 4);
    this.shelf.replaceChildren(...classes.map(({ name, pictures }) =>
      h("div", { class: "class" }, h("b", {}, name),
        h("div", { class: "pictures" }, ...pictures.map((src) => h("img", { src, alt: "" }))))));
    this.frames = unseen.map((picture) =>
      h("figure", {}, h("img", { src: picture.picture, alt: `a picture of ${classes[picture.class].name}` }),
        h("figcaption", {})));
    this.unseen.replaceChildren(...this.frames);
  }

  showRuns() {
    if (!this.chart) return;
    const choice = this.model.get("choice");
    const { classes, unseen, judged } = this.model.get("shelf");
    const state = this.model.get("run_state");
    // Curves of other pictures would not be comparable: they wait until these are chosen again.
    const runs = this.model.get("runs").filter((run) =>
      run.set === choice.set && run.per_class === choice.per_class);
    const last = runs[runs.length - 1];
    this.trainButton.disabled = !this.kernel.alive || this.busy;
    setText(this.trainButton, { preparing: "Looking …", training: "Training …", stopping: "Stopping …" }[state] ?? "Train");
    this.stopButton.disabled = state !== "training";
    this.clearButton.disabled = this.busy || !runs.length;
    for (const control of [this.setSelect, this.sizeSelect]) control.disabled = this.busy;
    this.script.wait(this.busy);
    setText(this.big, last && right(last, judged) !== null ? score(last, judged) : "?");
    this.big.className = `big ${last ? colour(last) : ""}`;
    setText(this.verdict, state === "preparing" ? "It has begun. The first result comes when all pictures have been seen once."
      : !last ? (!this.kernel.alive && silence(this.model)) || "Guess first, then train."
      : last.state === "running" ? last.label : `${last.label}, ${firm(formatSeconds(last.seconds))}. ${verdict(last, judged, classes.length)}`);
    this.chart.replaceChildren(race(runs, judged, classes.length));
    this.frames.forEach((frame, i) => {
      const said = last?.said?.[i];
      const known = said !== undefined;
      frame.dataset.right = known ? String(said === unseen[i].class) : "";
      setText(frame.lastChild, !known ? "" : said === unseen[i].class ? "✓" : classes[said].name);
    });
    this.showDetails(runs, judged);
  }

  showDetails(runs, judged) {
    const row = (tag, cells) => h("tr", {}, ...cells.map((cell) => h(tag, {}, cell)));
    this.table.replaceChildren(
      h("h2", {}, "What each way costs"),
      h("table", {},
        h("thead", {}, row("th", ["", "learns", "work", "an epoch", "memory"])),
        h("tbody", {}, ...this.model.get("plans").map(({ title, term, choice }) => {
          const { parameters, work, seconds, memory } = summarise(this.model.get("network"), choice);
          return row("td", [
            `${title} (${term})`, formatCount(parameters.trained), formatShare(work.cached_total),
            formatSeconds(seconds.cached), formatBytes(memory.activations)]);
        }))),
      h("h2", {}, "Runs"),
      runs.length ? h("table", {}, h("tbody", {}, ...runs.map((run) => row("td", [
        run.label, score(run, judged), `${run.rows.length} epochs`, formatSeconds(run.seconds)]))))
        : h("p", {}, "None yet."),
      h("p", {}, "Work: multiplications, compared with training everything. The time is computed from a " +
        "measured forward and backward pass on one core; what is frozen is computed once and kept. A run " +
        "ends after a few seconds and keeps its best epoch: with more time each may get further."));
  }

  async take(file) {
    if (!file) return;
    try {
      this.kernel.send({ do: "picture", name: file.name }, [await shrink(file)]);
    } catch {
      setText(this.problem, `${file.name} cannot be read as a picture.`);
    }
    this.file.value = "";
  }

  showAnswer() {
    const { picture, name, said } = this.model.get("answer");
    if (!picture) {
      this.answer.replaceChildren(h("span", {}, "Your own photograph: drop it here, or click."));
      return;
    }
    this.answer.replaceChildren(
      h("img", { src: picture, alt: name }),
      h("ul", {}, ...(said.length
        ? said.map((one) => h("li", { class: `run-${one.run % 4}` },
            `${one.label}: `, h("b", {}, one.class), ` ${Math.round(100 * one.probability)} %`))
        : [h("li", {}, "Train first, then ask.")])));
  }
}

// A photograph of a telephone has megabytes; the network looks at a small square of it.
async function shrink(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, LARGEST_SIDE / Math.min(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return blob.arrayBuffer();
}

function render({ model, el }) {
  const view = new ClassroomView(model, el);
  return () => view.close();
}

export default { render };
