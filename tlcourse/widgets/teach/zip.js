// Zip files without compression: pictures are compressed already.

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function record(size, values) {
  const view = new DataView(new ArrayBuffer(size));
  for (const [at, bytes, value] of values) {
    if (bytes === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
  }
  return view.buffer;
}

// `files`: [name, Blob] pairs; returns a Blob.
export async function zip(files) {
  const parts = [];
  const entries = [];
  let at = 0;
  for (const [name, blob] of files) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const title = new TextEncoder().encode(name);
    // Version, UTF-8 names, stored, midnight of 1980-01-01, checksum, sizes, length of the name.
    const common = (from) => [
      [from, 2, 20], [from + 2, 2, 0x800], [from + 4, 2, 0], [from + 8, 2, 33],
      [from + 10, 4, crc32(bytes)], [from + 14, 4, bytes.length], [from + 18, 4, bytes.length],
      [from + 22, 2, title.length],
    ];
    parts.push(record(30, [[0, 4, 0x04034b50], ...common(4)]), title, bytes);
    entries.push(record(46, [[0, 4, 0x02014b50], [4, 2, 20], ...common(6), [42, 4, at]]), title);
    at += 30 + title.length + bytes.length;
  }
  const size = entries.reduce((sum, part) => sum + part.byteLength, 0);
  const end = record(22, [
    [0, 4, 0x06054b50], [8, 2, files.length], [10, 2, files.length], [12, 4, size], [16, 4, at],
  ]);
  return new Blob([...parts, ...entries, end], { type: "application/zip" });
}

// Reads what `zip` wrote: a Map of Uint8Arrays by name.
export async function unzip(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const end = bytes.length - 22;
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50) {
    throw new Error("is not a session that was saved here, or is cut short");
  }
  const files = new Map();
  let at = view.getUint32(end + 16, true);
  for (let i = view.getUint16(end + 10, true); i > 0; i -= 1) {
    const [size, title] = [view.getUint32(at + 24, true), view.getUint16(at + 28, true)];
    const from = view.getUint32(at + 42, true) + 30 + title;
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + title));
    files.set(name, bytes.subarray(from, from + size));
    if (crc32(files.get(name)) !== view.getUint32(at + 16, true)) {
      throw new Error(`is damaged: ${name} in it is not what was saved`);
    }
    at += 46 + title;
  }
  return files;
}
