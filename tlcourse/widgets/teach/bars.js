// Names with bars, kept from one answer to the next so that they move instead of flicker.

import { h, setText } from "../dom.js";

export class Bars {
  constructor(kind) {
    this.element = h("ol", { class: `bars ${kind}` });
  }

  // `rows`: {name, value, strong} with values from 0 to 1.
  show(rows) {
    while (this.element.children.length > rows.length) this.element.lastChild.remove();
    while (this.element.children.length < rows.length) {
      this.element.append(h("li", {}, h("span", { class: "name" }),
        h("span", { class: "track", "aria-hidden": "true" }, h("span")), h("span", { class: "value" })));
    }
    rows.forEach(({ name, value, strong }, i) => {
      const [title, track, number] = this.element.children[i].children;
      setText(title, name);
      track.firstChild.style.width = `${(100 * value).toFixed(1)}%`;
      setText(number, `${Math.round(100 * value)} %`);
      this.element.children[i].classList.toggle("strong", Boolean(strong));
    });
  }
}

// Shades a picture but where the evidence for the class is: visible on any colour.
export function paintMap(canvas, { map, width, height }) {
  const most = Math.max(...map, 1e-9);
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  map.forEach((value, i) => {
    image.data.set([6, 10, 24, 190 * (1 - Math.max(0, value / most))], 4 * i);
  });
  context.putImageData(image, 0, 0);
}
