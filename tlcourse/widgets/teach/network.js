// The frozen network, run by ONNX Runtime on this machine's processor.

import { pixelsOf } from "./decode.js";

const script = (bytes) => URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));

function loadScript(url) {
  if (typeof importScripts === "function") {
    importScripts(url);
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement("script"), { src: url });
    element.onload = resolve;
    element.onerror = () => reject(new Error("the runtime's script could not be started"));
    document.head.append(element);
  });
}

export function fromHalf(halves) {
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits += 1) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    table[bits] = bits & 32768 ? -size : size;
  }
  return Float32Array.from(halves, (bits) => table[bits]);
}

export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Weights as a new network has them before it has seen a picture: normal, with a variance of 2 by the
// number of outputs that each input reaches; biases 0.
function randomWeights(tensors, length) {
  const random = randomNumbers(0);
  const values = new Float32Array(length);
  for (const { shape, start } of tensors) {
    if (shape.length !== 4) continue;
    const [outputs, inputs, height, width] = shape;
    const groups = inputs === 1 ? outputs : 1;
    const spread = Math.sqrt((2 * groups) / (outputs * height * width));
    for (let i = start; i < start + outputs * inputs * height * width; i += 1) {
      values[i] = spread * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    }
  }
  return values;
}

export class Network {
  // `files`: the runtime's `script`, `mjs` and `wasm`; the `graph`; and either `weights` (float16
  // bytes) with the list `about.tensors`, or a graph that holds its own.
  async open(files, about) {
    if (typeof WebAssembly === "undefined") {
      throw new Error("this browser has no WebAssembly, without which the network cannot run here");
    }
    this.files = files;
    this.about = about;
    await loadScript(script(files.script));
    const { wasm } = ort.env;
    wasm.wasmBinary = files.wasm;
    wasm.wasmPaths = { mjs: script(files.mjs) };
    wasm.numThreads = 1;
    await this.use("pretrained");
  }

  async use(which) {
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
    if (this.files.weights) {
      const halves = new Uint16Array(this.files.weights.buffer.slice(0));
      const values = which === "random"
        ? randomWeights(this.about.tensors, halves.length)
        : fromHalf(halves);
      options.externalData = [{ path: "weights", data: new Uint8Array(values.buffer) }];
    }
    await this.session?.release();
    this.session = await ort.InferenceSession.create(this.files.graph, options);
  }

  async look(blob) {
    const { size, mean, std, channels, scale } = this.about.preprocess;
    const from = channels === 'BGR' ? [2, 1, 0] : [0, 1, 2];
    const begun = performance.now();
    const { pixels } = await pixelsOf(blob, this.about.preprocess);
    const decoded = performance.now();
    const area = size * size;
    const input = new Float32Array(3 * area);
    for (let c = 0; c < 3; c += 1) {
      for (let i = 0; i < area; i += 1) {
        input[c * area + i] = (Math.fround(pixels[3 * i + from[c]] / scale) - mean[c]) / std[c];
      }
    }
    const tensor = new ort.Tensor("float32", input, [1, 3, size, size]);
    const { features, logits } = await this.session.run({ pictures: tensor });
    return {
      features: features.data.slice(),
      shape: features.dims.slice(1),
      logits: logits?.data.slice(),
      decode: decoded - begun,
      network: performance.now() - decoded,
    };
  }
}
