// From a file or a camera's picture to the bytes that the network sees, as Python makes them: upright,
// RGB, transparent parts white, the centre square, resized.

import { cropBox, resizeSquare, windowOf } from "./resize.js";

const MOST_PIXELS = 120e6;
const MOST_BYTES = 100e6;

function canvasOf(width, height) {
  if (typeof OffscreenCanvas !== "undefined") return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement("canvas"), { width, height });
}

export async function open(blob) {
  if (blob.size === 0) throw new Error("is empty (0 bytes)");
  if (blob.size > MOST_BYTES) throw new Error(`is larger than ${MOST_BYTES / 1e6} MB`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, {
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new Error("cannot be read as a picture: it is damaged, too large for this browser, or of "
      + "a kind that browsers do not show (HEIC, TIFF, RAW); save it as JPEG or PNG");
  }
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    bitmap.close();
    throw new Error(`has more than ${MOST_PIXELS / 1e6} million pixels; save a smaller copy`);
  }
  return bitmap;
}

// `pixels`: Uint8Array of size × size × 3; `width` and `height` of the upright picture.
export async function pixelsOf(blob, preprocess) {
  const bitmap = await open(blob);
  try {
    const { width, height } = bitmap;
    const { size, crop, interpolation } = preprocess;
    const box = cropBox(width, height, crop);
    const part = windowOf(width, height, box, size, interpolation);
    const context = canvasOf(part[2], part[3]).getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, part[2], part[3]);
    context.drawImage(bitmap, -part[0], -part[1]);
    const { data } = context.getImageData(0, 0, part[2], part[3]);
    return { pixels: resizeSquare(data, part, width, height, box, size, interpolation), width, height };
  } finally {
    bitmap.close();
  }
}
