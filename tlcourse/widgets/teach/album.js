// Classes and their pictures: what is kept, without any of what is shown.

import { open } from "./decode.js";
import { unzip, zip } from "./zip.js";

export const CAP = 500;
const KEEP_AS_IS = 1e6;
const LONGEST = 1024;
const FORMAT = "teach-session/1";

function draw(bitmap, width, height, [x, y, w, h]) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, x, y, w, h, 0, 0, width, height);
  return canvas;
}

export function centreSquare(bitmap, side, share = 1) {
  const { width, height } = bitmap;
  const part = share * Math.min(width, height);
  return draw(bitmap, side, side, [(width - part) / 2, (height - part) / 2, part, part]);
}

// What is kept of a file: itself, or a smaller copy of a large one; and a thumbnail.
export async function keepable(blob) {
  const bitmap = await open(blob);
  try {
    const thumbnail = centreSquare(bitmap, 96).toDataURL("image/jpeg", 0.8);
    if (blob.size <= KEEP_AS_IS) return { blob, thumbnail };
    const { width, height } = bitmap;
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    const size = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    const canvas = draw(bitmap, ...size, [0, 0, width, height]);
    const small = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
    return { blob: small, thumbnail };
  } finally {
    bitmap.close();
  }
}

const ENDINGS = {
  "image/png": "png", "image/gif": "gif", "image/webp": "webp", "image/bmp": "bmp",
};

export class Album {
  constructor() {
    this.next = 0;
    this.clear();
  }

  clear() {
    this.classes = [];
    this.pictures = [];
  }

  freeName(wanted) {
    const taken = new Set(this.classes.map((one) => one.name.toLowerCase()));
    let name = wanted;
    for (let i = 2; taken.has(name.toLowerCase()); i += 1) name = `${wanted} ${i}`;
    return name;
  }

  addClass(name) {
    const one = { id: (this.next += 1), name: this.freeName(name) };
    this.classes.push(one);
    return one;
  }

  named(name) {
    return this.classes.find((one) => one.name.toLowerCase() === name.toLowerCase());
  }

  of(one) {
    return this.pictures.filter((picture) => picture.of === one.id);
  }

  add(one, { blob, thumbnail }, values = {}) {
    const picture = { id: (this.next += 1), of: one.id, blob, thumbnail, x: values };
    this.pictures.push(picture);
    return picture;
  }

  remove(picture) {
    this.pictures = this.pictures.filter((other) => other !== picture);
  }

  removeClass(one) {
    this.classes = this.classes.filter((other) => other !== one);
    this.pictures = this.pictures.filter((picture) => picture.of !== one.id);
  }

  // [name, Blob] pairs: a folder per class, as `tlcourse train` reads them.
  files() {
    const folders = new Set();
    return this.classes.flatMap((one) => {
      const plain = one.name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_").replace(/^[.\s]+|[.\s]+$/g, "");
      let folder = plain || "class";
      for (let i = 2; folders.has(folder.toLowerCase()); i += 1) folder = `${plain} ${i}`;
      folders.add(folder.toLowerCase());
      return this.of(one).map((picture, i) => {
        const ending = ENDINGS[picture.blob.type] ?? "jpg";
        return [`${folder}/${String(i + 1).padStart(3, "0")}.${ending}`, picture.blob, picture];
      });
    });
  }

  folders() {
    return zip(this.files());
  }

  // The same zip with the names and the activations beside the folders.
  session(about) {
    const files = this.files();
    const kept = files.map(([file, , picture]) => ({
      file, class: picture.of, type: picture.blob.type, thumbnail: picture.thumbnail,
    }));
    const numbers = files.map(([, , picture]) => picture.x.pretrained);
    const text = JSON.stringify({ format: FORMAT, ...about, classes: this.classes, pictures: kept });
    return zip([...files, ["session.json", new Blob([text])], ["activations.f32", new Blob(numbers)]]);
  }

  // Takes a session's place; activations are used again where the same network made them.
  async restore(blob, about) {
    const files = await unzip(blob);
    const text = files.get("session.json");
    const saved = text ? JSON.parse(new TextDecoder().decode(text)) : {};
    if (saved.format !== FORMAT) throw new Error("is a zip file, but not a session that was saved here");
    const same = saved.backbone === about.backbone && saved.size === about.size;
    const numbers = new Float32Array(files.get("activations.f32").slice().buffer);
    const each = numbers.length / saved.pictures.length;
    this.clear();
    const ids = new Map();
    for (const one of saved.classes) ids.set(one.id, this.addClass(one.name));
    saved.pictures.forEach((picture, i) => {
      const bytes = new Blob([files.get(picture.file)], { type: picture.type });
      const x = same ? { pretrained: numbers.slice(i * each, (i + 1) * each) } : {};
      this.add(ids.get(picture.class), { blob: bytes, thumbnail: picture.thumbnail }, x);
    });
  }
}
