// Teach it here: the whole page. A frozen network, a new softmax, your own pictures.

import { h, root, setText, viewName } from "../dom.js";
import { Album, CAP, keepable } from "./album.js";
import { Ask } from "./ask.js";
import { exportFolders, restore, saveSession, useExamples } from "./files.js";
import { pooled } from "./head.js";
import { Learn } from "./learn.js";
import { Recorder } from "./recorder.js";
import { Shelf } from "./shelf.js";

export class Teach {
  constructor(el, engine, { megabytes = 0 } = {}) {
    this.engine = engine;
    this.id = viewName("teach");
    this.album = new Album();
    this.recorder = new Recorder(this);
    this.weights = "pretrained";
    this.times = { network: 0, count: 0 };
    this.head = null;
    this.root = root(el, "tht", "Teach it here");
    this.problem = h("div", { class: "problem", role: "alert" });
    this.bar = h("div", { class: "loading", hidden: true },
      this.progress = h("progress", { max: 1, value: 0, "aria-label": "Loading" }), this.doing = h("span", { role: "status" }));
    const step = (name, text) => h("li", {}, h("strong", {}, name), text);
    const size = megabytes ? ` Starting brings ${megabytes} MB into the page, from beside it.` : "";
    this.welcome = h("div", { class: "welcome" },
      h("p", { class: "lead" }, "A network that knows a million photographs learns your classes, here, in seconds."),
      h("ol", {},
        step("Show", "A few pictures of each class: from the camera, from files, pasted, or drawn ones that come along."),
        step("Train", "The network stays frozen. Its last numbers are kept, and only a new softmax learns from them."),
        step("Ask", "See what it answers, how sure it is, and where in the picture the answer comes from.")),
      h("p", { class: "soft" }, `No picture leaves this machine.${size}`),
      h("div", { class: "row" },
        h("button", { type: "button", class: "go", onclick: () => this.begin() }, "Start with my own pictures"),
        h("button", { type: "button", class: "big", onclick: () => this.begin("pets") }, "Show me, with drawn pets")));
    this.root.append(
      h("header", {}, h("h3", {}, "Teach it here"),
        this.more = h("button", { type: "button", class: "more", hidden: true, onclick: () => this.showTools() }, "More"),
        this.tools = h("div", { class: "row tools", hidden: true })),
      this.welcome, this.bar, this.problem,
      this.desk = h("div", { class: "desk", hidden: true }));
    this.leave = (event) => this.album.pictures.some((picture) => picture.own) && event.preventDefault();
    addEventListener("beforeunload", this.leave);
    this.root.addEventListener("paste", (event) => this.paste(event));
  }

  close() {
    removeEventListener("beforeunload", this.leave);
    this.recorder.camera.stop();
    this.closed = true;
  }

  complain(...lines) {
    this.problem.replaceChildren(...lines.slice(0, 6).map((line) => h("p", {}, line)));
    if (lines.length > 6) this.problem.append(h("p", {}, `and ${lines.length - 6} more`));
    if (lines.length) {
      this.problem.append(h("button", { type: "button", onclick: () => this.problem.replaceChildren() }, "Close"));
    }
  }

  async begin(examples) {
    this.welcome.hidden = true;
    this.bar.hidden = false;
    this.complain();
    try {
      await this.engine.start((share, text) => {
        this.progress.value = share;
        setText(this.doing, text);
      });
    } catch (error) {
      this.complain(`The network could not be started: ${error.message}.`);
      this.welcome.hidden = false;
      this.bar.hidden = true;
      return;
    }
    this.bar.hidden = true;
    this.shelf = new Shelf(this);
    this.learn = new Learn(this);
    this.ask = new Ask(this);
    this.desk.append(this.shelf.element, this.learn.element, this.ask.element);
    this.desk.hidden = false;
    this.fillTools();
    this.album.addClass("Class 1");
    this.album.addClass("Class 2");
    this.changed();
    if (examples) await useExamples(this, examples);
    else if (matchMedia("(hover: hover) and (pointer: fine)").matches) {
      this.shelf.cards.get(this.album.classes[0].id).name.focus(); // elsewhere a keyboard would cover the page
    }
  }

  fillTools() {
    this.tools.hidden = this.more.hidden = false;
    this.showTools(false);
    const button = (text, act, title) => h("button", {
      type: "button",
      title,
      onclick: () => {
        this.showTools(false);
        act();
      },
    }, text);
    const file = h("input", {
      type: "file", accept: ".zip", hidden: true, "aria-label": "A saved session",
      onchange: () => {
        if (file.files[0]) restore(this, file.files[0]);
        file.value = "";
      },
    });
    this.over = button("Start over", () => this.startOver());
    this.tools.append(
      button("Drawn pets", () => useExamples(this, "pets"), "Pictures that come along: no camera needed"),
      button("One background per class", () => useExamples(this, "backgrounds"), "A trap: what does it learn?"),
      button("Save session", () => saveSession(this)),
      button("Open session", () => file.click()), file,
      button("Export folders", () => exportFolders(this), "A zip of folders that tlcourse train reads"),
      this.over);
    if (document.fullscreenEnabled) {
      this.tools.append(button("Full screen", () => (document.fullscreenElement
        ? document.exitFullscreen() : this.root.requestFullscreen())));
    }
  }

  // On a phone they are folded away: what comes first there is the classes.
  showTools(open = this.more.getAttribute("aria-expanded") !== "true") {
    this.more.setAttribute("aria-expanded", String(open));
    this.tools.classList.toggle("folded", !open);
  }

  changed() {
    this.shelf.update();
    this.learn.update(this.busy);
    this.ask.again();
  }

  // The head no longer fits what is shown: it stays where its classes do.
  stale() {
    const gone = this.head?.ids.some((id) => !this.album.classes.some((one) => one.id === id));
    if (gone || !this.album.pictures.length) this.head = null;
    this.learn.note = this.head ? "Something changed since: train again." : "";
    this.changed();
  }

  // Things that take a while happen one after the other.
  queue(work) {
    this.busy = (this.busy ?? 0) + 1;
    this.learn.update(true);
    this.root.setAttribute("aria-busy", "true");
    const now = (this.last ?? Promise.resolve()).then(work)
      .catch((error) => this.complain(error.message))
      .finally(() => {
        this.busy -= 1;
        if (!this.busy) this.root.removeAttribute("aria-busy");
        this.changed();
      });
    this.last = now;
    return now;
  }

  async addFiles(one, files, { own = true, named = true } = {}) {
    const room = CAP - this.album.pictures.length - (this.coming ?? 0);
    const taken = files.slice(0, Math.max(0, room));
    const problems = [];
    if (taken.length < files.length) {
      problems.push(`${files.length - taken.length} of ${files.length} pictures were not added: ${CAP} are the most that are kept. Delete some, or save the session and start over.`);
    }
    this.coming = (this.coming ?? 0) + taken.length;
    let done = 0;
    await this.queue(async () => {
      for (const file of taken) {
        setText(this.learn.say, `looking at picture ${(done += 1)} of ${taken.length}`);
        let kept = null;
        try {
          kept = await keepable(file);
        } catch (error) {
          problems.push(`${named ? file.name ?? "The picture" : "The picture"} ${error.message}.`);
        }
        this.coming -= 1;
        if (!kept || !this.album.classes.includes(one)) continue;
        const picture = this.album.add(one, kept);
        picture.own = own;
        await this.compute(picture);
        this.shelf.update();
      }
      this.learn.note = this.head ? "Pictures were added since: train again." : "";
    });
    if (problems.length) this.complain(...problems);
  }

  async compute(picture) {
    if (this.engine.waits) setText(this.learn.say, "waiting: a cell runs");
    const seen = await this.engine.look(picture.blob);
    this.times.network += seen.network;
    this.times.count += 1;
    picture.x[this.weights] = pooled(seen.features, seen.shape);
    this.learn.tell();
  }

  // Files with the folder each lay in: a folder is a class; what lay in none goes to `one`.
  takeFiles(files, one) {
    const folders = new Map();
    for (const [folder, file] of files) {
      if (!file.name.startsWith(".")) folders.set(folder, [...(folders.get(folder) ?? []), file]);
    }
    for (const [folder, some] of folders) {
      const empty = this.album.classes.find((other) => /^Class \d+$/.test(other.name) && !this.album.of(other).length);
      let target = folder ? this.album.named(folder) : one;
      if (!target && folder && empty) {
        empty.name = folder;
        target = empty;
      }
      target ??= this.album.addClass(folder || "Class 1");
      this.changed();
      this.addFiles(target, some);
    }
  }

  paste(event) {
    const files = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
    if (!files.length || !this.shelf) return;
    event.preventDefault();
    if (this.ask.element.contains(document.activeElement)) this.askPicture(files[0]);
    else if (this.shelf.active) this.addFiles(this.shelf.active, files);
  }

  rename(one, input) {
    const wanted = input.value.trim();
    const other = this.album.named(wanted);
    if (!wanted || (other && other !== one)) {
      if (wanted) this.complain(`There is a class ${wanted} already.`);
      input.value = one.name;
      return;
    }
    one.name = wanted;
    if (this.head) this.head.names = this.head.ids.map((id) => this.album.classes.find((c) => c.id === id).name);
    this.changed();
  }

  move(picture, one) {
    if (!one) return;
    picture.of = one.id;
    this.stale();
  }

  remove(picture) {
    this.album.remove(picture);
    this.stale();
  }

  removeClass(one) {
    const count = this.album.of(one).length;
    this.sure(`Delete ${one.name} with its ${count} pictures`, count, () => {
      this.album.removeClass(one);
      this.stale();
    });
  }

  sure(text, needed, act) {
    if (!needed) {
      act();
      return;
    }
    const close = () => this.problem.replaceChildren();
    const yes = h("button", { type: "button", onclick: () => { close(); act(); } }, text);
    this.problem.replaceChildren(h("div", { class: "row" }, yes, h("button", { type: "button", onclick: close }, "Keep")));
    yes.focus();
  }

  startOver() {
    this.sure(`Delete all ${this.album.pictures.length} pictures`, this.album.pictures.length, () => this.reset());
  }

  reset() {
    this.album.clear();
    this.album.addClass("Class 1");
    this.album.addClass("Class 2");
    this.head = null;
    this.learn.forget();
    this.ask.tries([]);
    this.changed();
  }

  async askPicture(blob) {
    this.recorder.stop();
    return this.queue(async () => {
      try {
        this.asked = blob;
        await this.ask.show(await this.engine.look(blob), blob);
      } catch (error) {
        throw new Error(`${blob.name ?? "The picture"} ${error.message}.`);
      }
    });
  }

  train() {
    return this.queue(async () => {
      await this.missing();
      this.head = await this.learn.train();
      this.learn.note = "Trained.";
    });
  }

  async missing() {
    const waiting = this.album.pictures.filter((picture) => !picture.x[this.weights]);
    for (const [i, picture] of waiting.entries()) {
      setText(this.learn.say, `looking at picture ${i + 1} of ${waiting.length}`);
      await this.compute(picture);
    }
  }

  useWeights(which) {
    return this.queue(async () => {
      setText(this.learn.say, "changing the weights");
      await this.engine.use(which);
      this.weights = which;
      this.head = null;
      this.learn.forget();
      this.changed();
      await this.missing();
      if (this.learn.classes.length >= 2) {
        this.head = await this.learn.train();
        this.learn.note = "Trained.";
      }
      if (this.asked) await this.ask.show(await this.engine.look(this.asked), this.asked);
    });
  }
}
