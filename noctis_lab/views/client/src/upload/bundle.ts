/** Many small files as one body: a zip that stores them as they are, under numbers instead of names. */

export interface Bundle<T> {
  body: Blob;
  /** In the order of their numbers: `nameOf(0)`, `nameOf(1)` … */
  inside: T[];
  /** Archives and media directories, which are taken apart by themselves. */
  alone: T[];
  /** The browser cannot read them (any more). */
  unreadable: T[];
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const ZIP_VERSION = 20;
const DATE = 0x21; // 1 January 1980: when a file was made is nobody's business
const HEAD = 512;
const MEDIA_DIRECTORY = "1.2.840.10008.1.3.10";

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 as zip archives hold it. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  // By index: an iterator takes several times as long, and the page stands still meanwhile.
  for (let index = 0; index < bytes.length; index += 1) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}

export const nameOf = (index: number): string => String(index).padStart(4, "0");

function header(fields: [size: 2 | 4, value: number][], name: string): Uint8Array<ArrayBuffer> {
  const length = fields.reduce((sum, [size]) => sum + size, 0);
  const view = new DataView(new ArrayBuffer(length + name.length));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  for (let index = 0; index < name.length; index += 1) view.setUint8(length + index, name.charCodeAt(index));
  return new Uint8Array(view.buffer);
}

function goesAlone(bytes: Uint8Array): boolean {
  const head = String.fromCharCode(...bytes.subarray(0, HEAD));
  return head.startsWith("PK") || head.includes(MEDIA_DIRECTORY);
}

/** Read files and put them into one body; they are to be small and few, for they lie in memory. */
export async function bundleOf<T extends { file: Blob }>(items: T[]): Promise<Bundle<T>> {
  const bundle: Bundle<T> = { body: new Blob(), inside: [], alone: [], unreadable: [] };
  const parts: BlobPart[] = [];
  const listed: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (const item of items) {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = new Uint8Array(await item.file.arrayBuffer());
    } catch {
      bundle.unreadable.push(item);
      continue;
    }
    if (goesAlone(bytes)) {
      bundle.alone.push(item);
      continue;
    }
    const name = nameOf(bundle.inside.length);
    const size = bytes.length;
    // Flags, method (stored), time, date, CRC-32, both sizes, lengths of the name and of nothing.
    const common: [2 | 4, number][] = [[2, 0], [2, 0], [2, 0], [2, DATE], [4, crc32(bytes)], [4, size], [4, size], [2, name.length], [2, 0]];
    const local = header([[4, LOCAL], [2, ZIP_VERSION], ...common], name);
    listed.push(header([[4, CENTRAL], [2, ZIP_VERSION], [2, ZIP_VERSION], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]], name));
    parts.push(local, bytes);
    offset += local.length + size;
    bundle.inside.push(item);
  }
  const count = listed.length;
  const listBytes = listed.reduce((sum, each) => sum + each.length, 0);
  bundle.body = new Blob([...parts, ...listed, header([[4, END], [2, 0], [2, 0], [2, count], [2, count], [4, listBytes], [4, offset], [2, 0]], "")]);
  return bundle;
}
