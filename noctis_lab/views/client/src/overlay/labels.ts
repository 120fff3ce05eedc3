/** Labels over an image as they come over the wire: of each layer the box that holds any, in runs. Pure. */

/** Labels of one layer, in the box of the image that holds any; 0 is none. */
export interface LabelLayer {
  top: number;
  left: number;
  rows: number;
  columns: number;
  labels: Uint16Array;
  /** By which part, in 255ths, a pixel is its label's; null: wholly. */
  shares: Uint8Array | null;
}

/** The bytes are none of ours. */
export class NoLabels extends Error {}

const HEAD_BYTES = 8;
const LAYER_BYTES = 20;
const MOST_LAYERS = 16;
/** Of one image's layers together, as they are in memory. */
const MOST_BYTES = 512 * 1024 ** 2;

/** Return the layers of `count` images: `layers.encode_layers` in Python says how they are written. */
export function parseLabels(bytes: ArrayBuffer, count: number, image: { rows: number; columns: number }[]): LabelLayer[][] {
  const view = new DataView(bytes);
  const images: LabelLayer[][] = [];
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    const { rows, columns } = image[i] ?? { rows: 0, columns: 0 };
    if (at + HEAD_BYTES > bytes.byteLength) throw new NoLabels("labels of an image are missing");
    const end = at + 4 + view.getUint32(at, true);
    if (end > bytes.byteLength || end < at + HEAD_BYTES) throw new NoLabels("labels of an image are cut");
    images.push(parseImage(bytes.slice(at + 4, end), rows, columns));
    at = end;
  }
  if (at !== bytes.byteLength) throw new NoLabels("more came than labels");
  return images;
}

function parseImage(bytes: ArrayBuffer, rows: number, columns: number): LabelLayer[] {
  const view = new DataView(bytes);
  const [count, hasShares] = [view.getUint16(0, true), view.getUint16(2, true) === 1];
  if (count > MOST_LAYERS || count * rows * columns * 3 > MOST_BYTES) throw new NoLabels("there are too many layers");
  const layers: LabelLayer[] = [];
  let at = 4;
  for (let i = 0; i < count; i += 1) {
    if (at + LAYER_BYTES > bytes.byteLength) throw new NoLabels("a layer is cut");
    const [top, left, high, wide, runs] = [0, 4, 8, 12, 16].map((offset) => view.getUint32(at + offset, true)) as [number, number, number, number, number];
    at += LAYER_BYTES;
    const size = runs * (hasShares ? 6 : 4);
    if (at + size > bytes.byteLength || top + high > rows || left + wide > columns) throw new NoLabels("a layer does not fit its image");
    const part = (which: number): Uint16Array => new Uint16Array(bytes, at + which * runs * 2, runs);
    layers.push({ top, left, rows: high, columns: wide, ...unfold(high * wide, part(0), part(1), hasShares ? part(2) : null) });
    at += size;
  }
  return layers;
}

function unfold(size: number, lengths: Uint16Array, values: Uint16Array, parts: Uint16Array | null): Pick<LabelLayer, "labels" | "shares"> {
  const labels = new Uint16Array(size);
  const shares = parts === null ? null : new Uint8Array(size);
  let at = 0;
  for (let run = 0; run < lengths.length; run += 1) {
    const end = at + (lengths[run] as number);
    if (end > size) throw new NoLabels("runs go beyond their box");
    labels.fill(values[run] as number, at, end);
    shares?.fill(parts?.[run] as number, at, end);
    at = end;
  }
  if (at !== size) throw new NoLabels("runs do not fill their box");
  return { labels, shares };
}

/** Return what a layer takes in memory. */
export const bytesOf = (layers: readonly LabelLayer[]): number => layers.reduce((sum, { labels, shares }) => sum + labels.byteLength + (shares?.byteLength ?? 0), 64);

/** Return the labels at a pixel, by layer, of which there is half or more. */
export function labelsAt(layers: readonly LabelLayer[], column: number, row: number): number[] {
  return layers.flatMap(({ top, left, rows, columns, labels, shares }) => {
    const [y, x] = [row - top, column - left];
    if (y < 0 || x < 0 || y >= rows || x >= columns) return [];
    const label = labels[y * columns + x] as number;
    return label === 0 || (shares !== null && (shares[y * columns + x] as number) < HALF) ? [] : [label];
  });
}

/** From here on, in 255ths, a pixel is in a segment's outline. */
export const HALF = 128;
