// Teach it here: the whole page. A frozen network, a new softmax, your own pictures.

import { h, root, setText, viewName } from "../dom.js";
import { Album, CAP, keepable } from "./album.js";
import { Ask } from "./ask.js";
import { Camera, differs } from "./camera.js";
import { pooled } from "./head.js";
import { Learn } from "./learn.js";
import { Shelf } from "./shelf.js";

const SHOT_EVERY_MS = 200;
const LEAST_DIFFERENCE = 4;

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60e3);
}

async function fromBase64(text, type) {
  return (await fetch(`data:${type};base64,${text}`)).blob();
}

export class Teach {
  constructor(el, engine, { megabytes = 0 } = {}) {
    this.engine = engine;
    this.id = viewName("teach");
    this.album = new Album();
    this.camera = new Camera();
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
      h("header", {}, h("h3", {}, "Teach it here"), this.tools = h("div", { class: "row tools", hidden: true })),
      this.welcome, this.bar, this.problem,
      this.desk = h("div", { class: "desk", hidden: true }));
    this.leave = (event) => this.album.pictures.some((picture) => picture.own) && event.preventDefault();
    addEventListener("beforeunload", this.leave);
    this.root.addEventListener("paste", (event) => this.paste(event));
  }

  close() {
    removeEventListener("beforeunload", this.leave);
    this.camera.stop();
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
    if (examples) await this.useExamples(examples);
    else this.shelf.cards.get(this.album.classes[0].id).name.focus();
  }

  fillTools() {
    this.tools.hidden = false;
    const button = (text, act, title) => h("button", { type: "button", onclick: act, title }, text);
    const file = h("input", {
      type: "file", accept: ".zip", hidden: true, "aria-label": "A saved session",
      onchange: () => {
        if (file.files[0]) this.restore(file.files[0]);
        file.value = "";
      },
    });
    this.over = button("Start over", () => this.startOver());
    this.tools.append(
      button("Drawn pets", () => this.useExamples("pets"), "Pictures that come along: no camera needed"),
      button("One background a class", () => this.useExamples("backgrounds"), "A trap: what does it learn?"),
      button("Save session", () => this.saveSession()),
      button("Open session", () => file.click()), file,
      button("Export folders", () => this.exportFolders(), "A zip of folders that tlcourse train reads"),
      this.over);
    if (document.fullscreenEnabled) {
      this.tools.append(button("Full screen", () => (document.fullscreenElement
        ? document.exitFullscreen() : this.root.requestFullscreen())));
    }
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
    const now = (this.last ?? Promise.resolve()).then(work)
      .catch((error) => this.complain(error.message))
      .finally(() => {
        this.busy -= 1;
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
        this.coming -= 1;
        if (!this.album.classes.includes(one)) continue;
        try {
          const picture = this.album.add(one, await keepable(file));
          picture.own = own;
          await this.compute(picture);
          this.shelf.update();
        } catch (error) {
          problems.push(`${named ? file.name ?? "The picture" : "The picture"} ${error.message}.`);
        }
      }
      this.learn.note = this.head ? "Pictures were added since: train again." : "";
    });
    if (problems.length) this.complain(...problems);
  }

  async compute(picture) {
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

  async record(one) {
    this.recording = one;
    await this.turnOn();
    if (!this.camera.on) return;
    let before = null;
    while (this.recording === one && !this.closed) {
      const shot = await this.camera.shot();
      if (shot && (!before || differs(before, shot.coarse) >= LEAST_DIFFERENCE)) {
        before = shot.coarse;
        this.addFiles(one, [shot.blob], { named: false });
      }
      await new Promise((done) => setTimeout(done, SHOT_EVERY_MS));
    }
  }

  stopRecording() {
    this.recording = null;
  }

  async turnOn() {
    if (this.camera.on) return;
    try {
      await this.camera.start();
    } catch (error) {
      this.complain(error.message);
      return;
    }
    this.ask.live.setAttribute("aria-pressed", "true");
    this.watch();
  }

  async toggleCamera() {
    if (!this.camera.on) {
      await this.turnOn();
      return;
    }
    this.camera.stop();
    this.ask.live.setAttribute("aria-pressed", "false");
    this.ask.view.classList.remove("live");
    this.ask.view.classList.add("empty");
    this.ask.heat.hidden = true;
  }

  // Asks about the camera's picture again and again, but not while nobody looks.
  async watch() {
    this.ask.view.classList.remove("empty");
    this.ask.view.classList.add("live");
    const { stream } = this.camera;
    while (this.camera.stream === stream && this.camera.on && !this.closed) {
      if (!document.hidden && !this.busy) {
        try {
          const shot = await this.camera.shot();
          const seen = shot && await this.engine.look(shot.blob);
          if (seen && this.camera.stream === stream) await this.ask.show(seen, null);
        } catch (error) {
          this.complain(error.message);
          break;
        }
      }
      await new Promise((done) => setTimeout(done, this.busy || document.hidden ? 250 : 20));
    }
  }

  async askPicture(blob) {
    if (this.camera.on) await this.toggleCamera();
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

  async useExamples(which) {
    if (this.album.pictures.some((picture) => picture.own)) {
      this.sure("Replace your pictures by the drawn ones", 1, () => {
        this.reset();
        this.useExamples(which);
      });
      return;
    }
    let set;
    try {
      set = (await this.engine.examples())[which];
    } catch (error) {
      this.complain(`The drawn pictures could not be had: ${error.message}.`);
      return;
    }
    this.reset();
    this.album.clear();
    const tries = await Promise.all(set.ask.map(async ({ name, picture }) => (
      { name, blob: await fromBase64(picture, "image/jpeg"), url: `data:image/jpeg;base64,${picture}` })));
    for (const [name, pictures] of Object.entries(set.classes)) {
      const one = this.album.addClass(name);
      const blobs = await Promise.all(pictures.map((text) => fromBase64(text, "image/jpeg")));
      this.addFiles(one, blobs, { own: false, named: false });
    }
    this.ask.tries(tries);
    await this.train();
    await this.askPicture(tries[0].blob);
    this.learn.note = set.about;
    this.changed();
  }

  saveSession() {
    return this.queue(async () => {
      if (this.weights !== "pretrained") {
        throw new Error("A session is saved with the pretrained network's numbers: choose those weights first.");
      }
      await this.missing();
      const { backbone, preprocess } = this.engine.about;
      save(await this.album.session({ backbone, size: preprocess.size }), "teach-session.zip");
    });
  }

  exportFolders() {
    return this.queue(async () => {
      save(await this.album.folders(), "my-pictures.zip");
      this.learn.note = "Unpack the zip, then: tlcourse train my-pictures";
    });
  }

  restore(file) {
    return this.queue(async () => {
      const { backbone, preprocess } = this.engine.about;
      try {
        await this.album.restore(file, { backbone, size: preprocess.size });
      } catch (error) {
        throw new Error(`${file.name} ${error.message}.`);
      }
      this.album.pictures.forEach((picture) => { picture.own = true; });
      this.head = null;
      this.learn.forget("The session is open: train.");
      this.changed();
      await this.missing();
    });
  }
}
