// The left column: classes, and the pictures in them.

import { h, labelled, setText } from "../dom.js";
import { CAP } from "./album.js";

export const PICTURES = "image/*";

// Files from a drop, folders looked into: [folder's name or "", File] pairs.
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ["", file]);
  const found = [];
  const walk = async (entry, folder) => {
    if (entry.name.startsWith(".")) return;
    if (entry.isFile) {
      found.push([folder, await new Promise((done, failed) => entry.file(done, failed))]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) break;
      for (const one of some) await walk(one, entry.name);
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
}

// A place that takes dropped files; `take` gets [folder, File] pairs.
export function dropPlace(element, take) {
  element.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", async (event) => {
    element.classList.remove("over");
    if (!event.dataTransfer.items.length) return;
    event.preventDefault();
    event.stopPropagation();
    take(await droppedFiles(event.dataTransfer));
  });
}

export function fileButton(text, options, take) {
  const input = h("input", {
    type: "file",
    accept: PICTURES,
    hidden: true,
    onchange: () => {
      // A folder's own name is the last but one of the path.
      take([...input.files].map((file) => [file.webkitRelativePath.split("/").at(-2) ?? "", file]));
      input.value = "";
    },
    ...options,
  });
  return [h("button", { type: "button", onclick: () => input.click() }, text), input];
}

// A button that acts for as long as it is held, by pointer or by key.
function holdButton(text, start, stop, props) {
  const key = (event) => event.key === " " || event.key === "Enter";
  return h("button", {
    type: "button",
    ...props,
    onpointerdown: (event) => {
      if (event.button) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      start();
    },
    onpointerup: stop,
    onpointercancel: stop,
    onblur: stop,
    oncontextmenu: (event) => event.preventDefault(),
    onkeydown: (event) => {
      if (!key(event)) return;
      event.preventDefault();
      if (!event.repeat) start();
    },
    onkeyup: (event) => key(event) && stop(),
  }, text);
}

export class Shelf {
  // `host` is the whole page, see teach.js.
  constructor(host) {
    this.host = host;
    this.cards = new Map();
    this.list = h("div", { class: "cards" });
    this.room = h("p", { class: "soft" });
    this.element = h("section", { class: "column shelf", "aria-label": "Your classes" },
      h("h4", {}, h("span", { class: "step", "aria-hidden": "true" }, "1"), "Show it your classes"),
      this.list,
      h("div", { class: "row" },
        h("button", { type: "button", onclick: () => this.add() }, "Add a class"),
        this.neither = h("button", {
          type: "button",
          onclick: () => this.add("neither"),
          title: "Pictures of everything else: without such a class, the softmax has to name one of yours",
        }, "Add a ‘neither’ class"),
        fileButton("Add a folder of folders", { webkitdirectory: true, multiple: true },
          (files) => host.takeFiles(files)),
      ),
      this.room);
    dropPlace(this.element, (files) => host.takeFiles(files, this.active));
  }

  add(name) {
    const one = this.host.album.addClass(name ?? `Class ${this.host.album.classes.length + 1}`);
    this.host.changed();
    this.cards.get(one.id).name.select();
    this.cards.get(one.id).name.focus();
  }

  get active() {
    const { classes } = this.host.album;
    return classes.find((one) => one.id === this.activeId) ?? classes[0];
  }

  activate(one) {
    this.activeId = one.id;
    for (const [id, card] of this.cards) card.element.classList.toggle("active", id === one.id);
  }

  card(one) {
    const { host } = this;
    const card = {};
    card.name = h("input", {
      value: one.name,
      maxlength: 40,
      "aria-label": "Name of the class",
      onchange: () => host.rename(one, card.name),
    });
    card.count = h("span", { class: "soft count" });
    card.pictures = h("ul", { class: "pictures" });
    card.element = h("article", { class: "card", onfocusin: () => this.activate(one), onpointerdown: () => this.activate(one) },
      h("div", { class: "row head" }, card.name, card.count,
        card.away = h("button", { type: "button", class: "plain", onclick: () => host.removeClass(one) }, "✕")),
      h("div", { class: "row" },
        card.hold = holdButton("Hold for camera", () => host.recorder.record(one), () => host.recorder.release(), { class: "camera" }),
        fileButton("Add pictures", { multiple: true, "aria-label": "Pictures of this class" },
          (files) => host.addFiles(one, files.map(([, file]) => file)))),
      card.pictures);
    dropPlace(card.element, (files) => host.takeFiles(files, one));
    return card;
  }

  update() {
    const { album } = this.host;
    for (const one of album.classes) {
      if (!this.cards.has(one.id)) this.cards.set(one.id, this.card(one));
    }
    for (const id of this.cards.keys()) {
      if (!album.classes.some((one) => one.id === id)) this.cards.delete(id);
    }
    const elements = album.classes.map((one) => this.cards.get(one.id).element);
    if (elements.some((element, i) => this.list.children[i] !== element)
      || this.list.children.length !== elements.length) this.list.replaceChildren(...elements);
    for (const one of album.classes) this.fill(one, this.cards.get(one.id));
    if (this.active) this.activate(this.active);
    this.neither.hidden = Boolean(album.named("neither"));
    setText(this.room, `${album.pictures.length} of at most ${CAP} pictures. Drop files or folders `
      + "anywhere here, or paste: they go to the class with the thick edge.");
  }

  fill(one, card) {
    const pictures = this.host.album.of(one);
    if (card.name !== document.activeElement) card.name.value = one.name;
    card.away.setAttribute("aria-label", `Delete the class ${one.name}`);
    card.hold.setAttribute("aria-label", `Hold for camera: ${one.name}`);
    setText(card.count, pictures.length === 1 ? "1 picture" : `${pictures.length} pictures`);
    const shown = new Map([...card.pictures.children].map((item) => [item.dataset.id, item]));
    card.pictures.replaceChildren(...pictures.toReversed().map((picture) =>
      shown.get(String(picture.id)) ?? this.thumbnail(picture)));
    pictures.forEach((picture, i) => {
      const item = card.pictures.children[pictures.length - 1 - i];
      item.classList.toggle("waiting", !picture.x[this.host.weights]);
    });
  }

  thumbnail(picture) {
    const { host } = this;
    const { album } = host;
    const button = h("button", {
      type: "button",
      class: "plain",
      "aria-expanded": "false",
      onclick: () => {
        this.list.querySelectorAll(".menu").forEach((menu) => menu.remove());
        if (button.getAttribute("aria-expanded") === "true") {
          button.setAttribute("aria-expanded", "false");
          return;
        }
        this.list.querySelectorAll("[aria-expanded=true]").forEach((b) => b.setAttribute("aria-expanded", "false"));
        button.setAttribute("aria-expanded", "true");
        const others = album.classes.filter((one) => one.id !== picture.of);
        const move = h("select", { onchange: () => host.move(picture, album.classes.find((one) => String(one.id) === move.value)) },
          h("option", { value: "" }, "choose"), ...others.map((one) => h("option", { value: one.id }, one.name)));
        item.append(h("div", { class: "menu" },
          h("button", { type: "button", onclick: () => host.remove(picture) }, "Delete"),
          h("button", { type: "button", onclick: () => host.askPicture(picture.blob) }, "Ask"),
          others.length ? labelled("move to", move) : null));
      },
    }, h("img", { src: picture.thumbnail, alt: "a picture: delete, move or ask", width: 48, height: 48 }));
    const item = h("li", { "data-id": picture.id }, button);
    return item;
  }
}
