// The middle column: training, its switches, and the story in numbers.

import { h, setText } from "../dom.js";
import { interval, isHeldOut, logitsOf, trainHead } from "./head.js";

export const EPOCHS = 20;

const time = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : ms < 120e3 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60e3).toFixed(1)} min`);
const kilo = (bytes) => (bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

export class Learn {
  constructor(host) {
    this.host = host;
    this.go = h("button", { type: "button", class: "go", onclick: () => host.train() }, "Train");
    this.say = h("p", { class: "soft", role: "status" });
    this.heldOut = h("input", { type: "checkbox", checked: true, onchange: () => host.stale() });
    this.useNeither = h("input", { type: "checkbox", checked: true, onchange: () => host.stale() });
    const weights = (value, text, chosen) => h("label", {},
      h("input", { type: "radio", name: host.id, value, checked: chosen, onchange: () => host.useWeights(value) }), ` ${text}`);
    this.result = h("div", { class: "result" });
    this.story = h("ol", { class: "story" });
    this.element = h("section", { class: "column learn", "aria-label": "Train" },
      h("h4", {}, h("span", { class: "step", "aria-hidden": "true" }, "2"), "Train the new softmax"),
      this.go, this.say,
      h("fieldset", {}, h("legend", {}, "Weights of the frozen network"),
        weights("pretrained", "pretrained on ImageNet", true), weights("random", "random: never saw a picture")),
      h("fieldset", {}, h("legend", {}, "Pictures to train on"),
        h("label", {}, this.heldOut, " keep one in five back, to check"),
        this.withNeither = h("label", {}, this.useNeither, " with the class ‘neither’")),
      this.result,
      h("h5", {}, "What it took"), this.story);
  }

  get classes() {
    const { album } = this.host;
    const used = (one) => this.useNeither.checked || one.name.toLowerCase() !== "neither";
    return album.classes.filter((one) => used(one) && album.of(one).length);
  }

  update(busy) {
    const { album } = this.host;
    this.withNeither.hidden = !album.named("neither");
    const ready = this.classes.length >= 2;
    this.go.disabled = busy || !ready;
    if (!busy) setText(this.say, ready ? this.note ?? "" : "Training takes two classes with pictures.");
    this.tell();
  }

  tell(head = this.host.head) {
    const { album, weights, times } = this.host;
    const stored = album.pictures.filter((picture) => picture.x[weights]);
    const lines = [];
    if (stored.length && times.count) {
      const each = times.network / times.count;
      const size = 4 * stored[0].x[weights].length;
      const item = (strong, text) => lines.push(h("li", {}, h("strong", {}, strong), text));
      item(`${time(each)} a picture`, `: ${stored.length} pictures went through the frozen network, once.`);
      item(`${kilo(size)} a picture`, `: its ${size / 4} numbers are kept, ${kilo(size * stored.length)} in all.`);
      if (head) {
        item(time(head.ms), `: ${head.epochs} epochs of the new softmax, ${(head.weights.length + head.biases.length).toLocaleString("en")} weights, on ${head.count} pictures.`);
        item(time(head.ms + each * head.count * head.epochs), `: what ${head.epochs} epochs would have taken without the kept numbers, each picture going through the network every time.`);
      }
    } else lines.push(h("li", { class: "soft" }, "Nothing yet: the numbers appear as it happens."));
    this.story.replaceChildren(...lines);
  }

  // Trains on what is kept; returns the head.
  async train() {
    const { album, weights } = this.host;
    const { classes } = this;
    const rows = [], labels = [], held = [];
    classes.forEach((one, label) => album.of(one).forEach((picture, i) => {
      if (this.heldOut.checked && isHeldOut(i)) held.push([picture.x[weights], label]);
      else {
        rows.push(picture.x[weights]);
        labels.push(label);
      }
    }));
    const head = await trainHead(rows, labels, classes.length, {
      epochs: EPOCHS,
      pause: (epoch, losses) => {
        setText(this.say, `epoch ${epoch + 1} of ${EPOCHS}, loss ${losses.at(-1).toFixed(3)}`);
        return new Promise((done) => setTimeout(done));
      },
    });
    const right = (pairs) => pairs.filter(([x, label]) => {
      const logits = logitsOf(x, head);
      return logits.indexOf(Math.max(...logits)) === label;
    }).length;
    head.names = classes.map((one) => one.name);
    head.ids = classes.map((one) => one.id);
    head.count = rows.length;
    this.showResult(right(rows.map((x, i) => [x, labels[i]])), rows.length, right(held), held.length);
    return head;
  }

  showResult(right, count, heldRight, held) {
    const lines = [h("p", {}, `Pictures it learnt from: ${right} of ${count} right.`)];
    if (held) {
      const [low, high] = interval(heldRight, held).map((share) => Math.round(100 * share));
      lines.unshift(h("p", { class: "big" }, h("strong", {}, `${heldRight} of ${held}`), " kept-back pictures right"),
        h("p", {}, `With so few, the truth lies anywhere from ${low} to ${high} % (95 % interval).`));
    } else {
      lines.push(h("p", { class: "soft" }, "No picture was kept back, so nothing here says how good it is on new ones."));
    }
    if (this.host.weights === "random") {
      lines.push(h("p", { class: "note" }, "These are the activations of a network with random weights: the same pictures, the same training."));
    }
    this.result.replaceChildren(...lines);
  }

  forget(why = "") {
    this.result.replaceChildren();
    this.note = why;
  }
}
