// Pillow's resize, bit for bit: the filter widened where pictures shrink, coefficients rounded to 22
// bits, a pass along the rows, rounded to bytes, then a pass along the columns. A canvas scales
// otherwise, and a network answers otherwise.

const BITS = 22;
const HALF = 2 ** (BITS - 1);

const cubic = (x) => {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
};
const triangle = (x) => Math.max(0, 1 - Math.abs(x));
const FILTERS = { bicubic: [cubic, 2], bilinear: [triangle, 1] };

// For each of `size` outputs: the first input and the weights, from inputs `start` to `end`.
function weights(length, start, end, size, [filter, reach]) {
  const scale = Math.fround(end - start) / size;
  const wide = Math.max(scale, 1);
  const support = reach * wide;
  return Array.from({ length: size }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(length, Math.trunc(centre + support + 0.5));
    const row = new Float64Array(last - first);
    let sum = 0;
    for (let x = 0; x < row.length; x += 1) {
      row[x] = filter((x + first - centre + 0.5) * (1 / wide));
      sum += row[x];
    }
    const whole = new Int32Array(row.length);
    for (let x = 0; x < row.length; x += 1) {
      const value = (sum ? row[x] / sum : row[x]) * 2 ** BITS;
      whole[x] = Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
    }
    return [first, whole];
  });
}

// The square of a width × height picture that a network looks at, as Pillow is told it: [left, top,
// right, bottom], each a 32-bit float.
export function cropBox(width, height, crop) {
  const side = crop * Math.min(width, height);
  const left = (width - side) / 2;
  const top = (height - side) / 2;
  return [left, top, left + side, top + side].map(Math.fround);
}

// The part of the picture, in whole pixels, that the filter reads: [x, y, width, height].
export function windowOf(width, height, box, size, interpolation) {
  const reach = FILTERS[interpolation][1];
  const margin = (a, b) => reach * Math.max((b - a) / size, 1) + 2;
  const range = (a, b, length) => {
    const from = Math.max(0, Math.floor(a - margin(a, b)));
    return [from, Math.min(length, Math.ceil(b + margin(a, b))) - from];
  };
  const [x, w] = range(box[0], box[2], width);
  const [y, h] = range(box[1], box[3], height);
  return [x, y, w, h];
}

// One pass along the rows; `step` bytes a pixel come in, three go out.
function along(source, step, width, height, taps, offset) {
  const size = taps.length;
  const out = new Uint8ClampedArray(height * size * 3);
  for (let y = 0; y < height; y += 1) {
    for (let i = 0; i < size; i += 1) {
      const [first, row] = taps[i];
      let at = step * (y * width + first - offset);
      let r = HALF, g = HALF, b = HALF;
      for (let k = 0; k < row.length; k += 1, at += step) {
        r += source[at] * row[k];
        g += source[at + 1] * row[k];
        b += source[at + 2] * row[k];
      }
      const to = 3 * (y * size + i);
      out[to] = r >> BITS;
      out[to + 1] = g >> BITS;
      out[to + 2] = b >> BITS;
    }
  }
  return out;
}

// One pass along the columns.
function down(source, step, width, taps, offset) {
  const out = new Uint8ClampedArray(taps.length * width * 3);
  taps.forEach(([first, row], i) => {
    for (let x = 0; x < width; x += 1) {
      for (let c = 0; c < 3; c += 1) {
        let sum = HALF;
        let at = step * ((first - offset) * width + x) + c;
        for (let k = 0; k < row.length; k += 1, at += step * width) sum += source[at] * row[k];
        out[3 * (i * width + x) + c] = sum >> BITS;
      }
    }
  });
  return out;
}

// Resizes to size × size. `rgba` holds the window [x, y, w, h] of a width × height picture.
export function resizeSquare(rgba, [x, y, w, h], width, height, box, size, interpolation) {
  const filter = FILTERS[interpolation];
  const across = weights(width, box[0], box[2], size, filter);
  const upright = weights(height, box[1], box[3], size, filter);
  // Pillow 13 shrinks tall pictures along the columns first; others, along the rows.
  const tall = height > size && height - size > 2 * (width - size);
  const pixels = tall
    ? along(down(rgba, 4, w, upright, y), 3, w, size, across, x)
    : down(along(rgba, 4, w, h, across, x), 3, size, upright, y);
  return new Uint8Array(pixels.buffer);
}
