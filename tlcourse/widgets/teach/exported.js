// A page that asks one model: a picture or the camera, what the model says, and where it looks.

import { h, root, setText } from "../dom.js";
import { centreSquare } from "./album.js";
import { Bars, paintMap } from "./bars.js";
import { Camera } from "./camera.js";
import { open } from "./decode.js";
import { evidence, softmax } from "./head.js";
import { dropPlace, fileButton } from "./shelf.js";

const SIDE = 320;

export class Exported {
  constructor(el, engine) {
    this.engine = engine;
    this.camera = new Camera();
    this.problem = h("p", { class: "problem", role: "alert" });
    this.picture = h("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": "the picture that is asked about" });
    this.heat = h("canvas", { class: "heat", "aria-hidden": "true" });
    this.view = h("div", { class: "view empty" }, this.camera.video, this.picture, this.heat,
      h("p", { class: "soft" }, "Drop a picture here, paste one, or turn the camera on"));
    this.verdict = h("p", { class: "verdict", role: "status" });
    this.took = h("p", { class: "soft" });
    this.bars = new Bars("own");
    this.live = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.toggle() }, "Camera");
    this.shade = h("input", { type: "checkbox", checked: true, onchange: () => this.again() });
    this.shadeLabel = h("label", { class: "shade", hidden: true }, this.shade, "shade what the answer does not come from");
    this.root = root(el, "tht exported", "Ask this model");
    this.root.append(this.problem, h("section", { class: "column ask", "aria-label": "A picture and its answer" },
      h("div", { class: "pair" }, this.view, h("div", { class: "beside" }, this.live,
        fileButton("Choose a picture", { "aria-label": "A picture to ask about" }, (files) => files.length && this.ask(files[0][1])),
        this.shadeLabel)),
      this.verdict, this.bars.element, this.took));
    dropPlace(this.root, (files) => files.length && this.ask(files[0][1]));
    document.addEventListener("paste", (event) => {
      const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
      if (file) this.ask(file);
    });
  }

  // The network starts with the first question.
  async ready() {
    setText(this.verdict, "starting …");
    this.starting ??= this.engine.start(() => {});
    try {
      await this.starting;
    } catch (error) {
      this.starting = null;
      throw error;
    }
    this.shadeLabel.hidden = !this.engine.about.head;
  }

  async guard(act, name = "") {
    setText(this.problem, "");
    try {
      await act();
    } catch (error) {
      setText(this.verdict, "");
      setText(this.problem, `${name} ${error.message}`.trim());
    }
  }

  ask(blob) {
    return this.guard(async () => {
      if (this.camera.on) this.toggle();
      const bitmap = await this.open(blob);
      await this.ready();
      const seen = await this.engine.look(blob);
      this.paint(bitmap);
      this.show(seen, false);
    }, blob.name ?? "The picture");
  }

  open(blob) {
    return open(blob);
  }

  paint(bitmap) {
    const square = centreSquare(bitmap, SIDE, this.engine.about.preprocess.crop);
    this.picture.getContext("2d").drawImage(square, 0, 0);
    bitmap.close();
  }

  show(seen, live) {
    this.seen = seen;
    this.view.classList.remove("empty");
    this.view.classList.toggle("live", live);
    this.verdict.setAttribute("aria-live", live ? "off" : "polite");
    this.again();
  }

  again() {
    if (!this.seen) return;
    const { classes, head } = this.engine.about;
    const { features, shape, logits, decode, network, answer, took } = this.seen;
    const p = softmax(logits);
    const best = p.indexOf(Math.max(...p));
    this.probabilities = p;
    const order = p.map((value, i) => ({ name: classes[i], value, strong: i === best }));
    this.bars.show(order.length > 12 ? order.sort((a, b) => b.value - a.value).slice(0, 12) : order);
    setText(this.verdict, answer ?? classes[best]);
    setText(this.took, took ?? `${Math.round(decode)} ms to read the picture, ${Math.round(network)} ms in the network`);
    this.heat.hidden = !head || !this.shade.checked;
    if (!this.heat.hidden) paintMap(this.heat, evidence(features, shape, head, classes.length, best));
  }

  toggle() {
    if (this.camera.on) {
      this.camera.stop();
      this.live.setAttribute("aria-pressed", "false");
      this.view.classList.replace("live", "empty");
      return undefined;
    }
    return this.guard(async () => {
      await this.ready();
      await this.camera.start();
      this.live.setAttribute("aria-pressed", "true");
      const { stream } = this.camera;
      while (this.camera.on && this.camera.stream === stream) {
        const shot = document.hidden ? null : await this.camera.shot();
        const seen = shot && await this.engine.look(shot.blob);
        // The answer to the last shot may come after the camera was turned off.
        if (seen && this.camera.stream === stream) this.show(seen, true);
        await new Promise((done) => setTimeout(done, shot ? 20 : 250));
      }
    });
  }
}
