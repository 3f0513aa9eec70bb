// The right column: a picture or the camera, and what the two softmaxes say of it.

import { h, setText } from "../dom.js";
import { centreSquare } from "./album.js";
import { Bars, paintMap } from "./bars.js";
import { open } from "./decode.js";
import { cosine, evidence, logitsOf, pooled, softmax } from "./head.js";
import { dropPlace, fileButton } from "./shelf.js";

const SIDE = 320;

export class Ask {
  constructor(host) {
    this.host = host;
    const { camera } = host.recorder;
    this.picture = h("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": "the picture that is asked about" });
    this.heat = h("canvas", { class: "heat", "aria-hidden": "true" });
    this.view = h("div", { class: "view empty" }, camera.video, this.picture, this.heat,
      h("p", { class: "soft" }, "Drop a picture here, or turn the camera on"));
    dropPlace(this.view, (files) => files.length && host.askPicture(files[0][1]));
    this.own = new Bars("own");
    this.imagenet = new Bars("imagenet");
    this.verdict = h("p", { class: "verdict", role: "status" });
    this.near = h("div", { class: "near" });
    this.shelf = h("div", { class: "tries" });
    this.where = h("input", { type: "checkbox", checked: true, onchange: () => this.again() });
    this.threshold = h("input", {
      type: "range", min: 0, max: 0.95, step: 0.05, value: 0, "aria-label": "Least probability for an answer",
      oninput: () => this.again(),
    });
    this.least = h("span", {});
    this.live = h("button", { type: "button", "aria-pressed": "false", onclick: () => host.recorder.toggle() }, "Camera");
    this.element = h("section", { class: "column ask", "aria-label": "Ask the network" },
      h("h4", {}, h("span", { class: "step", "aria-hidden": "true" }, "3"), "Ask it"),
      h("div", { class: "pair" }, this.view,
        h("div", { class: "beside" }, this.live, fileButton("Choose a picture", { "aria-label": "A picture to ask about" },
          (files) => files.length && host.askPicture(files[0][1])), this.shelf)),
      this.verdict,
      h("h5", {}, "Your new softmax"), this.own.element,
      this.notYet = h("p", { class: "soft" }, "It is not trained yet."),
      h("div", { class: "row options" },
        h("label", {}, this.where, " shade what it does not come from"),
        h("label", { class: "slider" }, this.least, this.threshold)),
      this.near,
      h("h5", {}, "The old softmax, 1000 classes of ImageNet"), this.imagenet.element,
      this.old = h("p", { class: "soft" }, "The same network, before its softmax was replaced."));
  }

  tries(pictures) {
    this.shelf.replaceChildren(...pictures.map(({ name, blob, url }) =>
      h("button", { type: "button", class: "plain", title: name, onclick: () => this.host.askPicture(blob) },
        h("img", { src: url, alt: `ask about ${name}`, width: 52, height: 52 }))));
  }

  // `seen` is what the engine returned; `blob` the picture, or null for the camera's moment.
  async show(seen, blob) {
    this.view.classList.remove("empty");
    this.view.classList.toggle("live", !blob);
    if (blob) {
      const bitmap = await open(blob);
      const share = this.host.engine.about.preprocess.crop;
      this.picture.getContext("2d").drawImage(centreSquare(bitmap, SIDE, share), 0, 0);
      bitmap.close();
    }
    this.seen = { ...seen, x: pooled(seen.features, seen.shape), live: !blob };
    this.again();
  }

  again() {
    const { head, engine, album } = this.host;
    const least = Number(this.threshold.value);
    setText(this.least, least ? `‘not sure’ below ${Math.round(100 * least)} % ` : "always answer; slide for ‘not sure’ ");
    this.notYet.hidden = Boolean(head);
    if (!head) {
      this.own.show([]);
      this.heat.hidden = true;
    }
    if (!this.seen) return;
    const { x, features, shape, live } = this.seen;
    this.showOld(softmax(logitsOf(x, engine.classifier)), engine.classifier.names);
    if (!head) {
      setText(this.verdict, "");
      this.near.replaceChildren();
      return;
    }
    const p = softmax(logitsOf(x, head));
    const best = p.indexOf(Math.max(...p));
    const sure = p[best] >= least;
    this.own.show(head.names.map((name, i) => ({ name, value: p[i], strong: sure && i === best })));
    const words = sure ? `${head.names[best]}` : `not sure (${head.names[best]}?)`;
    this.verdict.setAttribute("aria-live", live ? "off" : "polite");
    setText(this.verdict, words);
    this.heat.hidden = !this.where.checked;
    if (this.where.checked) paintMap(this.heat, evidence(features, shape, head, head.names.length, best));
    const stored = album.pictures.filter((picture) => picture.x[this.host.weights]);
    const near = stored
      .map((picture) => ({ picture, likeness: cosine(x, picture.x[this.host.weights]) }))
      .sort((a, b) => b.likeness - a.likeness)[0];
    if (!near) return;
    const name = album.classes.find((one) => one.id === near.picture.of)?.name;
    this.near.replaceChildren(
      h("img", { src: near.picture.thumbnail, alt: "", width: 52, height: 52 }),
      h("span", {}, "nearest stored picture: ", h("strong", {}, name), `, likeness ${near.likeness.toFixed(2)}`));
  }

  showOld(p, names) {
    const order = p.map((value, i) => [value, i]).sort((a, b) => b[0] - a[0]).slice(0, 4);
    this.imagenet.show(order.map(([value, i]) => ({ name: names[i], value })));
  }
}
