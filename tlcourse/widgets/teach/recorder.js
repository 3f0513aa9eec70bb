// What the camera is used for: pictures of a class for as long as a button is held, and live answers.

import { Camera, differs } from "./camera.js";

const SHOT_EVERY_MS = 200;
const LEAST_DIFFERENCE = 4;

export class Recorder {
  constructor(host) {
    this.host = host;
    this.camera = new Camera();
  }

  async record(one) {
    this.recording = one;
    await this.turnOn();
    if (!this.camera.on) return;
    const card = this.host.shelf.cards.get(one.id).element;
    let before = null;
    card.classList.add("recording");
    while (this.recording === one && !this.host.closed) {
      const shot = await this.camera.shot();
      if (shot && (!before || differs(before, shot.coarse) >= LEAST_DIFFERENCE)) {
        before = shot.coarse;
        this.host.addFiles(one, [shot.blob], { named: false });
      }
      await new Promise((done) => setTimeout(done, SHOT_EVERY_MS));
    }
    card.classList.remove("recording");
  }

  release() {
    this.recording = null;
  }

  async turnOn() {
    if (this.camera.on) return;
    try {
      await this.camera.start();
    } catch (error) {
      this.host.complain(error.message);
      return;
    }
    this.host.ask.live.setAttribute("aria-pressed", "true");
    this.watch();
  }

  toggle() {
    return this.camera.on ? this.stop() : this.turnOn();
  }

  stop() {
    if (!this.camera.on) return;
    this.camera.stop();
    this.host.ask.live.setAttribute("aria-pressed", "false");
    this.host.ask.view.classList.remove("live");
    this.host.ask.view.classList.add("empty");
    this.host.ask.heat.hidden = true;
  }

  // Asks about the camera's picture again and again, but not while nobody looks.
  async watch() {
    this.host.ask.view.classList.remove("empty");
    this.host.ask.view.classList.add("live");
    const { stream } = this.camera;
    while (this.camera.stream === stream && this.camera.on && !this.host.closed) {
      if (!document.hidden && !this.host.busy) {
        try {
          const shot = await this.camera.shot();
          const seen = shot && await this.host.engine.look(shot.blob);
          if (seen && this.camera.stream === stream) await this.host.ask.show(seen, null);
        } catch (error) {
          this.host.complain(error.message);
          break;
        }
      }
      await new Promise((done) => setTimeout(done, this.host.busy || document.hidden ? 250 : 20));
    }
  }
}
