// The camera: asked for when it is first wanted, explained where it cannot be had.

import { h } from "../dom.js";

const WHY = {
  NotAllowedError: "The browser may not use the camera. Allow it beside the address of this page and "
    + "try again; or drop pictures: all the rest works without a camera.",
  NotFoundError: "No camera was found. Drop, paste or choose pictures: all the rest works without one.",
  NotReadableError: "The camera is in use by another program. Close that, and try again.",
};

export class Camera {
  constructor() {
    this.video = h("video", { playsinline: true, muted: true, "aria-hidden": "true" });
    this.video.muted = true;
  }

  get on() {
    return Boolean(this.stream?.active);
  }

  async start() {
    if (this.on) return;
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("Browsers give the camera only to pages from disk, from this machine or over "
        + "https. Drop, paste or choose pictures: all the rest works.");
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: 640 }, height: { ideal: 480 } },
      });
    } catch (error) {
      throw new Error(WHY[error.name] ?? `The camera could not be started (${error.message}).`);
    }
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  // The picture of this moment as a JPEG file, and a coarse grey copy to compare moments by.
  async shot() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return null;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.video, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
    context.drawImage(canvas, 0, 0, 16, 12);
    const { data } = context.getImageData(0, 0, 16, 12);
    return { blob, coarse: Array.from({ length: 192 }, (_, i) => data[4 * i + 1]) };
  }
}

// Mean difference of two coarse copies, of 255.
export const differs = (a, b) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0) / a.length;
