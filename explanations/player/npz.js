// Reads what numpy.savez writes: a zip archive of .npy arrays.
//
// The what-if tables are sent as they lie on disk, so that there is only one format. Files that
// numpy does not write are refused.

const TYPES = {
  "<f4": Float32Array, "<f8": Float64Array,
  "|i1": Int8Array, "<i2": Int16Array, "<i4": Int32Array, "<i8": BigInt64Array,
  "|u1": Uint8Array, "<u2": Uint16Array, "<u4": Uint32Array, "<u8": BigUint64Array,
  "|b1": Uint8Array,
};
const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;

/**
 * Read every array of an .npz archive.
 * @param {ArrayBuffer} archive
 * @returns {Promise<Object<string, {shape: number[], data: TypedArray}>>} arrays by name
 */
export async function readNpz(archive) {
  const arrays = {};
  for (const entry of zipEntries(new DataView(archive))) {
    const bytes = await entryBytes(archive, entry);
    arrays[entry.name.replace(/\.npy$/, "")] = readNpy(bytes, entry.name);
  }
  return arrays;
}

function zipEntries(view) {
  // Sizes are in the directory at the end; numpy leaves them open in front of the data.
  let end = view.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== END_OF_DIRECTORY) end -= 1;
  if (end < 0) throw new Error("the tables are not an .npz archive");
  const entries = [];
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    if (view.getUint32(at, true) !== DIRECTORY_ENTRY) throw new Error("the tables are damaged");
    const nameLength = view.getUint16(at + 28, true);
    entries.push({
      method: view.getUint16(at + 10, true),
      size: view.getUint32(at + 20, true),
      offset: view.getUint32(at + 42, true),
      name: new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, nameLength)),
    });
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

async function entryBytes(archive, { method, size, offset, name }) {
  const view = new DataView(archive);
  if (view.getUint32(offset, true) !== LOCAL_ENTRY) throw new Error("the tables are damaged");
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  const packed = archive.slice(start, start + size);
  if (method === 0) return packed;
  if (method !== 8) throw new Error(`${name} is packed in a way no browser can read`);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

function readNpy(buffer, name) {
  const view = new DataView(buffer);
  if (view.getUint32(0) !== 0x934e554d) throw new Error(`${name} is not a numpy array`);
  const wide = view.getUint8(6) > 1;
  const headerLength = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + headerLength;
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, 0, start));
  const kind = /'descr': '([^']+)'/.exec(header)?.[1];
  const shape = /'shape': \(([^)]*)\)/.exec(header)?.[1].split(",").filter((part) => part.trim());
  if (!(kind in TYPES) || !shape || /'fortran_order': True/.test(header)) {
    throw new Error(`${name} is no plain array of numbers (${kind ?? "no type"})`);
  }
  return { shape: shape.map(Number), data: new TYPES[kind](buffer.slice(start)) };
}
