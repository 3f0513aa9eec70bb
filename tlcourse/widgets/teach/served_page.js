// The page of `tlcourse serve`: the model runs in Python, at the other end of a request.

import { Exported } from "./exported.js";

class ServedEngine {
  async start() {
    this.about = { head: null, ...await this.fetch("model") };
  }

  async fetch(path, options) {
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error("cannot be asked about: tlcourse serve has ended. Start it again, and open its new address.");
    }
    const found = await response.json();
    if (!response.ok) throw new Error(found.error);
    return found;
  }

  async look(blob) {
    const asked = performance.now();
    const { answer, probabilities } = await this.fetch("predict", { method: "POST", body: blob });
    const took = `${Math.round(performance.now() - asked)} ms`;
    const logits = this.about.classes.map((name) => Math.log(Math.max(probabilities[name], 1e-30)));
    return { answer, logits, took };
  }
}

class Served extends Exported {
  // Python reads more kinds of pictures than browsers show.
  open(blob) {
    return super.open(blob).catch(() => null);
  }

  paint(bitmap) {
    if (bitmap) {
      super.paint(bitmap);
      return;
    }
    const context = this.picture.getContext("2d");
    context.clearRect(0, 0, this.picture.width, this.picture.height);
    context.fillText("(browsers do not show this kind of picture)", 60, 160);
  }
}

window.served = new Served(document.getElementById("model"), new ServedEngine());
