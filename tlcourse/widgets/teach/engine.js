// Who computes: a worker of this page, the page itself where there are no workers, or a Python kernel.
// All answer `start(progress)`, `use("pretrained" or "random")` and `look(blob)`.

import { cellRuns } from "../dom.js";
import { pixelsOf } from "./decode.js";
import { fromHalf, Network } from "./network.js";

// Pieces of the network arrive as scripts that call `teachPart`: pages opened from disk may load
// scripts and nothing else.
const pieces = {};
globalThis.teachPart = (name, text) => (pieces[name] ??= []).push(text);

async function unpack(texts) {
  const raw = texts.map((text) => {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
    return bytes;
  });
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser is too old: it takes Chrome or Edge 80, Firefox 113, Safari 16.4 "
      + "or newer");
  }
  const stream = new Blob(raw).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function addScript(url) {
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement("script"), { src: url, async: false });
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${url} is missing beside this page, or the network `
      + "connection broke off; copy the whole folder, or try again"));
    document.head.append(element);
  });
}

// `base` is the address of the folder that holds what book/build.py made: `parts` names the scripts.
export class LocalEngine {
  constructor(base, parts) {
    this.base = base;
    this.parts = parts;
  }

  async start(progress) {
    let done = 0;
    for (const part of this.parts ?? []) {
      if (!(this.loaded ??= new Set()).has(part)) await addScript(this.base + part);
      this.loaded.add(part);
      progress((done += 1) / (this.parts.length + 1), "bringing the network into this page");
    }
    const files = {};
    for (const [name, texts] of Object.entries(pieces)) files[name] = await unpack(texts);
    this.about = JSON.parse(new TextDecoder().decode(files.about));
    if (files.classifier) {
      const values = fromHalf(new Uint16Array(files.classifier.buffer));
      const names = this.about.imagenet;
      const at = values.length - names.length;
      this.classifier = { names, weights: values.subarray(0, at), biases: values.subarray(at) };
    }
    delete files.about;
    delete files.classifier;
    this.call = this.inWorker();
    try {
      await this.call("open", files, this.about);
    } catch (error) {
      if (!this.worker) throw error;
      // Some browsers start a worker, but do not let it start the runtime.
      this.worker.terminate();
      this.worker = null;
      this.call = this.inPage();
      await this.call("open", files, this.about);
    }
    for (const name of Object.keys(pieces)) delete pieces[name];
    progress(1, "ready");
  }

  inWorker() {
    const waiting = new Map();
    let next = 0;
    try {
      const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
      this.worker = new Worker(url);
    } catch {
      return this.inPage();
    }
    this.worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of waiting.values()) reject(new Error(event.message || "it stopped"));
      waiting.clear();
    };
    return (call, ...values) => new Promise((resolve, reject) => {
      waiting.set((next += 1), { resolve, reject });
      this.worker.postMessage({ id: next, call, values });
    });
  }

  inPage() {
    const network = new Network();
    let before = Promise.resolve();
    return (call, ...values) => {
      const now = before.then(() => network[call](...values));
      before = now.catch(() => {});
      return now;
    };
  }

  use(which) {
    return this.call("use", which);
  }

  look(blob) {
    return this.call("look", blob);
  }

  async examples() {
    if (!pieces.examples) await addScript(`${this.base}examples.js`);
    return JSON.parse(new TextDecoder().decode(await unpack(pieces.examples)));
  }
}

// In JupyterLab and Voila: the picture is made ready here, the network runs in Python.
export class KernelEngine {
  constructor(model) {
    this.model = model;
    this.waiting = new Map();
    this.next = 0;
    model.on("msg:custom", (message, buffers) => {
      const waiting = this.waiting.get(message.id);
      if (!waiting) return;
      this.waiting.delete(message.id);
      clearTimeout(waiting.timer);
      if (message.error) waiting.reject(new Error(message.error));
      else waiting.resolve([message, buffers ?? []]);
    });
  }

  get waits() {
    return cellRuns(this.model);
  }

  ask(content, buffers, seconds = 60) {
    return new Promise((resolve, reject) => {
      const id = (this.next += 1);
      const waiting = { resolve, reject };
      const wait = () => {
        waiting.timer = setTimeout(() => {
          if (this.waits) {
            wait();
            return;
          }
          this.waiting.delete(id);
          reject(new Error(`the kernel does not answer: ${this.model.widget_manager?.kernel
            ? "run this cell again" : "it is busy with a cell, or has stopped"}`));
        }, 1000 * seconds);
      };
      wait();
      this.waiting.set(id, waiting);
      try {
        this.model.send({ ...content, id }, undefined, buffers);
      } catch (error) {
        this.waiting.delete(id);
        clearTimeout(waiting.timer);
        reject(error);
      }
    });
  }

  async start(progress) {
    progress(0.3, this.waits ? "waiting: a cell runs" : "asking the kernel");
    const [message, [buffer]] = await this.ask({ do: "start" });
    this.about = message.about;
    const values = fromHalf(new Uint16Array(bytesOf(buffer).buffer));
    const names = this.about.imagenet;
    const at = values.length - names.length;
    this.classifier = { names, weights: values.subarray(0, at), biases: values.subarray(at) };
    progress(1, "ready");
  }

  async use(which) {
    await this.ask({ do: "use", which });
  }

  async look(blob) {
    const begun = performance.now();
    const { pixels } = await pixelsOf(blob, this.about.preprocess);
    const decode = performance.now() - begun;
    const [message, [buffer]] = await this.ask({ do: "look" }, [pixels.buffer]);
    const features = new Float32Array(bytesOf(buffer).buffer);
    return { features, shape: message.shape, decode, network: message.ms };
  }

  async examples() {
    return (await this.ask({ do: "examples" }))[0].examples;
  }
}

const bytesOf = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength).slice();
