// The new softmax: trained on stored activations with the recipe of `tlcourse.fit` (AdamW, batches of
// 32, a learning rate that rises and falls once), and read.

import { randomNumbers } from "./network.js";

const LR = 3e-3;
const DECAY = 0.01;
const BATCH = 32;

export function softmax(logits) {
  const most = Math.max(...logits);
  const raised = Array.from(logits, (value) => Math.exp(value - most));
  const sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((value) => value / sum);
}

// Logits of one vector under weights (classes × inputs, flat).
export function logitsOf(x, { weights, biases }) {
  const inputs = x.length;
  return Float64Array.from(biases, (bias, c) => {
    let sum = bias;
    for (let i = 0, at = c * inputs; i < inputs; i += 1) sum += x[i] * weights[at + i];
    return sum;
  });
}

function shuffled(count, random) {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

// PyTorch's OneCycleLR with a fifth of the steps to rise.
function rateAt(step, steps) {
  const top = Math.max(0.2 * steps - 1, 0);
  const between = (from, to, share) => to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
  if (step <= top) return between(LR / 25, LR, top ? step / top : 1);
  return between(LR, LR / 25e4, (step - top) / Math.max(steps - 1 - top, 1));
}

// `rows`: Float32Arrays; `labels`: class numbers. `pause` is awaited after each epoch, and computing
// time excludes it.
export async function trainHead(rows, labels, classes, { epochs = 20, seed = 0, pause = async () => {} } = {}) {
  const inputs = rows[0].length;
  const random = randomNumbers(seed + 1);
  const reach = 1 / Math.sqrt(inputs);
  const size = classes * inputs;
  const values = Float64Array.from({ length: size + classes }, () => (2 * random() - 1) * reach);
  const head = { weights: values.subarray(0, size), biases: values.subarray(size) };
  const first = new Float64Array(values.length);
  const second = new Float64Array(values.length);
  const gradient = new Float64Array(values.length);
  const steps = Math.max(2, epochs * Math.ceil(rows.length / BATCH));
  const losses = [];
  let step = 0;
  let ms = 0;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    const begun = performance.now();
    const order = shuffled(rows.length, random);
    let loss = 0;
    for (let from = 0; from < order.length; from += BATCH) {
      const batch = order.slice(from, from + BATCH);
      gradient.fill(0);
      for (const row of batch) {
        const x = rows[row];
        const p = softmax(logitsOf(x, head));
        loss -= Math.log(Math.max(p[labels[row]], 1e-12));
        for (let c = 0; c < classes; c += 1) {
          const error = (p[c] - (c === labels[row])) / batch.length;
          for (let i = 0, at = c * inputs; i < inputs; i += 1) gradient[at + i] += error * x[i];
          gradient[size + c] += error;
        }
      }
      const rate = rateAt(step, steps);
      step += 1;
      const one = 1 - 0.9 ** step;
      const two = 1 - 0.999 ** step;
      for (let i = 0; i < values.length; i += 1) {
        first[i] = 0.9 * first[i] + 0.1 * gradient[i];
        second[i] = 0.999 * second[i] + 0.001 * gradient[i] ** 2;
        values[i] -= rate * (DECAY * values[i] + first[i] / one / (Math.sqrt(second[i] / two) + 1e-8));
      }
    }
    losses.push(loss / rows.length);
    ms += performance.now() - begun;
    await pause(epoch, losses);
  }
  return { ...head, losses, ms, epochs };
}

// Mean over the picture: what is kept of it.
export function pooled(features, [channels, height, width]) {
  const area = height * width;
  return Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let i = c * area; i < (c + 1) * area; i += 1) sum += features[i];
    return sum / area;
  });
}

// Class activation map (Zhou et al. 2016), one product: what each place adds to the logit of a class,
// less what it adds to the classes on average. Averaged over all places that is the logit's lead.
export function evidence(features, [channels, height, width], { weights }, classes, chosen) {
  const area = height * width;
  const map = new Float32Array(area);
  for (let c = 0; c < channels; c += 1) {
    let mean = 0;
    for (let k = 0; k < classes; k += 1) mean += weights[k * channels + c] / classes;
    const weight = weights[chosen * channels + c] - mean;
    for (let i = 0; i < area; i += 1) map[i] += weight * features[c * area + i];
  }
  return { map, height, width };
}

export function cosine(a, b) {
  let ab = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i += 1) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / (Math.sqrt(aa * bb) || 1);
}

// One in five of each class, the same ones each time: every fifth, from the third on.
export const isHeldOut = (place) => place % 5 === 2;

// Wilson's score interval at 95 %.
export function interval(right, count) {
  const z = 1.959964;
  const share = right / count;
  const middle = share + (z * z) / (2 * count);
  const half = z * Math.sqrt((share * (1 - share) + (z * z) / (4 * count)) / count);
  const whole = 1 + (z * z) / count;
  return [Math.max(0, (middle - half) / whole), Math.min(1, (middle + half) / whole)];
}
