/** The CPU renderer: stored values to a 2D canvas, interpolated before they are windowed. */
import type { FrameDescription, FrameDtype } from "../ground/transport";
import { axesOf, type Placement, type Turn } from "./geometry";
import { greyOf, greyOfTable, type GreyTable, type Ramp, storedRamp } from "./windowing";

export type Stored = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** A frame in memory: stored values row by row, `channels` of them a voxel. */
export interface Frame extends Pick<FrameDescription, "rows" | "columns" | "slope" | "intercept"> {
  channels: 1 | 3;
  stored: Stored;
  /** The frame is a reduced one: each voxel the mean of `factor` × `factor` of a whole that has so many. */
  whole?: { factor: number; rows: number; columns: number };
}

/** Return the rows and columns that a frame covers in the image. */
export const extentOf = (frame: Frame): { rows: number; columns: number } => frame.whole ?? frame;

const PREVIEW_PIXELS = 1024;

/** Return by which factor the server reduces a frame to its preview; 1: it sends it as it is. */
export const previewFactor = ({ rows, columns }: { rows: number; columns: number }): number => Math.max(1, Math.ceil(Math.max(rows, columns) / PREVIEW_PIXELS));

/** Return the preview of a frame over its bytes; null where these are not as many as they should be. */
export function previewOf(description: FrameDescription, bytes: ArrayBuffer): Frame | null {
  const factor = previewFactor(description);
  const [rows, columns] = [Math.ceil(description.rows / factor), Math.ceil(description.columns / factor)];
  if (bytes.byteLength !== frameBytes({ ...description, rows, columns })) return null;
  return { ...frameOf({ ...description, rows, columns }, bytes), whole: { factor, rows: description.rows, columns: description.columns } };
}

const VIEWS: Record<FrameDtype, [new (buffer: ArrayBuffer) => Stored, number]> = {
  uint8: [Uint8Array, 1], int8: [Int8Array, 1], uint16: [Uint16Array, 2], int16: [Int16Array, 2],
  uint32: [Uint32Array, 4], int32: [Int32Array, 4], float32: [Float32Array, 4], float64: [Float64Array, 8], rgb8: [Uint8Array, 3],
};

/** Return how many bytes a frame takes. */
export function frameBytes(frame: Pick<FrameDescription, "rows" | "columns" | "dtype">): number {
  return frame.rows * frame.columns * VIEWS[frame.dtype][1];
}

/** Return a frame over its bytes (little endian, as every browser's memory is). */
export function frameOf(description: FrameDescription, bytes: ArrayBuffer): Frame {
  const { rows, columns, slope, intercept, dtype } = description;
  return { rows, columns, slope, intercept, channels: dtype === "rgb8" ? 3 : 1, stored: new VIEWS[dtype][0](bytes) };
}

/** Return a copy with rows and columns exchanged. */
export function transpose(frame: Frame): Frame {
  const { rows, columns, channels, stored } = frame;
  const out = stored.slice();
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        out[(column * rows + row) * channels + channel] = stored[(row * columns + column) * channels + channel] as number;
      }
    }
  }
  return { ...frame, rows: columns, columns: rows, stored: out };
}

type Reals = Float32Array | Float64Array;

/** Return room for numbers between stored ones: single precision, unless these have more digits than it. */
function realsFor(stored: Stored, count: number): Reals {
  const isWide = stored.BYTES_PER_ELEMENT >= 4 && !(stored instanceof Float32Array);
  return isWide ? new Float64Array(count) : new Float32Array(count);
}

/** Return the frame at half its size: means of 2 × 2 voxels, the border repeated. */
export function halve(frame: Frame): Frame {
  const { rows, columns, channels, stored } = frame;
  const [halfRows, halfColumns] = [Math.ceil(rows / 2), Math.ceil(columns / 2)];
  const out = realsFor(stored, halfRows * halfColumns * channels);
  for (let row = 0; row < halfRows; row += 1) {
    const upper = 2 * row * columns * channels;
    const lower = Math.min(2 * row + 1, rows - 1) * columns * channels;
    for (let column = 0; column < halfColumns; column += 1) {
      const left = 2 * column * channels;
      const right = Math.min(2 * column + 1, columns - 1) * channels;
      for (let k = 0; k < channels; k += 1) {
        out[(row * halfColumns + column) * channels + k] = ((stored[upper + left + k] as number) + (stored[upper + right + k] as number)
          + (stored[lower + left + k] as number) + (stored[lower + right + k] as number)) / 4;
      }
    }
  }
  return { ...frame, rows: halfRows, columns: halfColumns, stored: out };
}

/** For each pixel from `first` to `last` along one axis: the voxel before it, and the next one's share. */
interface AxisTable {
  first: number;
  last: number;
  index: Int32Array;
  share: Float32Array;
}

function axisTable(pixels: number, edge: number, scale: number, count: number, reduced: number, reversed: boolean): AxisTable {
  const table: AxisTable = { first: pixels, last: 0, index: new Int32Array(pixels), share: new Float32Array(pixels) };
  const last = Math.ceil(count / reduced) - 1;
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    // Pixel centres are at +0.5; voxel k's centre is at k, it reaches from k − 0.5 to k + 0.5.
    let at = (pixel + 0.5 - edge) / scale - 0.5;
    if (at < -0.5 || at >= count - 0.5) continue;
    if (reversed) at = count - 1 - at;
    at = Math.min(Math.max((at + 0.5) / reduced - 0.5, 0), last);
    const before = Math.max(Math.min(Math.floor(at), last - 1), 0);
    table.index[pixel] = before;
    table.share[pixel] = at - before;
    table.first = Math.min(table.first, pixel);
    table.last = pixel + 1;
  }
  return table;
}

/** Interpolate one row of voxels at every pixel across it. */
function resampleRow(stored: Stored, start: number, across: AxisTable, next: number, line: Reals): void {
  const { index, share, first, last } = across;
  for (let x = first, to = 0; x < last; x += 1, to += 1) {
    const from = start + (index[x] as number);
    const [before, part] = [stored[from] as number, share[x] as number];
    // A voxel's own place has its own value, whatever its neighbour is: NaN is not zero times.
    line[to] = part === 0 ? before : part === 1 ? (stored[from + next] as number) : before + ((stored[from + next] as number) - before) * part;
  }
}

/** The same for three channels a voxel. */
function resampleColourRow(stored: Stored, start: number, across: AxisTable, next: number, line: Reals): void {
  for (let x = across.first, to = 0; x < across.last; x += 1) {
    const from = start + (across.index[x] as number) * 3;
    const share = across.share[x] as number;
    for (let k = 0; k < 3; k += 1, to += 1) {
      const before = stored[from + k] as number;
      line[to] = before + ((stored[from + 3 * next + k] as number) - before) * share;
    }
  }
}

/** Mix two rows. */
function mixRows(above: Reals, below: Reals, share: number, out: Reals, start: number): void {
  if (share === 0 || share === 1) {
    out.set(share === 0 ? above : below, start);
    return;
  }
  const count = above.length;
  for (let i = 0, to = start; i < count; i += 1, to += 1) {
    const value = above[i] as number;
    out[to] = value + ((below[i] as number) - value) * share;
  }
}

/** Interpolate between voxels (bilinear) at every pixel that a frame covers; stored units, `channels` a pixel. */
function resample(frame: Frame, across: AxisTable, along: AxisTable, width: number, out: Reals): void {
  const { columns, rows, channels, stored } = frame;
  const span = Math.max(across.last - across.first, 0) * channels;
  const next = columns > 1 ? 1 : 0;
  const fill = channels === 3 ? resampleColourRow : resampleRow;
  let above = realsFor(stored, span);
  let below = realsFor(stored, span);
  let [aboveRow, belowRow] = [-1, -1];
  for (let y = along.first; y < along.last; y += 1) {
    const row = along.index[y] as number;
    const following = Math.min(row + 1, rows - 1);
    if (row === belowRow || following === aboveRow) {
      [above, below] = [below, above];
      [aboveRow, belowRow] = [belowRow, aboveRow];
    }
    if (row !== aboveRow) {
      fill(stored, row * columns * channels, across, next, above);
      aboveRow = row;
    }
    if (following !== belowRow) {
      fill(stored, following * columns * channels, across, next, below);
      belowRow = following;
    }
    mixRows(above, below, along.share[y] as number, out, (y * width + across.first) * channels);
  }
}

const BLACK = 0xff000000;

/** Grey levels 0 … 255 as opaque pixels, or their negatives. */
function greyPixels(inverted: boolean): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, i) => (BLACK | ((inverted ? 255 - i : i) * 0x010101)) >>> 0);
}

const GREYS = { plain: greyPixels(false), inverted: greyPixels(true) };

export interface Look {
  /** Over modality values; unused for colour. */
  ramp: Ramp;
  inverted: boolean;
  /** Stands for the ramp. */
  table?: GreyTable | null;
  /** The pixels of grey levels 0 … 255; without it they are grey, or inverted. */
  colours?: Uint32Array;
}

const coloursOf = (look: Look): Uint32Array => look.colours ?? (look.inverted ? GREYS.inverted : GREYS.plain);

/** Return the first place from 0 on where something holds that holds from there on; `count` where it never does. */
function firstPlace(count: number, holds: (place: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Look up the pixels of stored values first, first + 1 …: one by one only where a window has levels between black and white. */
function fillRamp(pixels: Uint32Array, first: number, ramp: Ramp, greys: Uint32Array): void {
  const count = pixels.length;
  const grey = (place: number): number => greyOf(first + place, ramp);
  const [start, end] = [grey(0), grey(count - 1)];
  // A line rises or falls all along, as far as it is rounded; an exponential is not promised to.
  const from = ramp.isSigmoid ? 0 : firstPlace(count, (place) => grey(place) !== start);
  const to = ramp.isSigmoid ? count : Math.max(from, firstPlace(count, (place) => grey(place) === end));
  pixels.fill(greys[start] as number, 0, from);
  for (let place = from; place < to; place += 1) pixels[place] = greys[grey(place)] as number;
  pixels.fill(greys[end] as number, to);
}

/** Draws frames on one canvas. Only what changed is computed anew: a new window keeps the interpolation. */
export class Renderer {
  readonly #context: CanvasRenderingContext2D;
  #image: ImageData | null = null;
  #pixels = new Uint32Array(0);
  #values: Reals = new Float32Array(0);
  #key: unknown[] = [];
  #across: AxisTable | null = null;
  #along: AxisTable | null = null;
  #prepared: { source: Frame; transposed: boolean; halvings: number; frame: Frame } | null = null;
  #table: { key: unknown[]; pixels: Uint32Array } | null = null;
  /** The part of the canvas that the frame covers. */
  #covered = { left: 0, top: 0, right: 0, bottom: 0 };
  /** The whole canvas has to be put out. */
  #isWhole = true;

  constructor(readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    if (context === null) throw new Error("This browser gives no 2D canvas.");
    this.#context = context;
  }

  /** Paint the whole canvas black. */
  clear(width: number, height: number): void {
    this.#resize(width, height);
    this.#blacken();
    this.#key = [];
    this.#show();
  }

  /** Paint a frame, and what `tint` lays over its pixels; returns the milliseconds it took. */
  draw(frame: Frame, placement: Placement, turn: Turn, look: Look, tint: ((pixels: Uint32Array) => void) | null = null): number {
    const start = performance.now();
    this.#resize(placement.width, placement.height);
    if (isOneToOne(placement, turn) && !frame.whole && !(frame.stored instanceof Float32Array) && frame.stored.BYTES_PER_ELEMENT <= 2 && frame.channels === 1) {
      this.#drawExact(frame, placement, look);
    } else {
      this.#interpolate(frame, placement, turn);
      if (frame.channels === 3) this.#paintColour(look.inverted);
      else this.#paintGrey(frame, look);
    }
    tint?.(this.#pixels);
    this.#show();
    return performance.now() - start;
  }

  /** Put on the canvas what may have changed: all of it once, then only what the frame covers. */
  #show(): void {
    if (this.#image === null) return;
    const { left, top, right, bottom } = this.#covered;
    if (this.#isWhole) this.#context.putImageData(this.#image, 0, 0);
    else if (right > left && bottom > top) this.#context.putImageData(this.#image, 0, 0, left, top, right - left, bottom - top);
    this.#isWhole = false;
  }

  #blacken(): void {
    this.#pixels.fill(BLACK);
    this.#isWhole = true;
  }

  #resize(width: number, height: number): void {
    if (this.#image?.width === width && this.#image.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.#image = new ImageData(width, height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
    this.#blacken();
    this.#key = [];
  }

  /** 1:1 and unturned: stored values through a table of all there can be, 256 or 65,536. */
  #drawExact(frame: Frame, { x0, y0, width, height }: Placement, look: Look): void {
    const key = ["exact", width, height, x0, y0, frame.rows, frame.columns];
    if (!sameKey(key, this.#key)) {
      this.#blacken();
      this.#key = key;
    }
    const table = this.#lookUpTable(frame, look);
    const mask = table.length - 1;
    const [firstX, lastX] = [Math.max(x0, 0), Math.min(x0 + frame.columns, width)];
    const [firstY, lastY] = [Math.max(y0, 0), Math.min(y0 + frame.rows, height)];
    this.#covered = { left: firstX, top: firstY, right: lastX, bottom: lastY };
    const { stored, columns } = frame;
    const pixels = this.#pixels;
    for (let y = firstY; y < lastY; y += 1) {
      let from = (y - y0) * columns + firstX - x0;
      let to = y * width + firstX;
      for (let x = firstX; x < lastX; x += 1, from += 1, to += 1) {
        pixels[to] = table[(stored[from] as number) & mask] as number;
      }
    }
  }

  #lookUpTable(frame: Frame, look: Look): Uint32Array {
    const ramp = storedRamp(look.ramp, frame);
    const bits = 8 * frame.stored.BYTES_PER_ELEMENT;
    const isSigned = frame.stored instanceof Int16Array || frame.stored instanceof Int8Array;
    const { slope, intercept } = frame;
    const { table } = look;
    const key = [bits, isSigned, ramp.gain, ramp.offset, ramp.isSigmoid, coloursOf(look), table, table && slope, table && intercept];
    if (this.#table !== null && sameKey(this.#table.key, key)) return this.#table.pixels;
    const greys = coloursOf(look);
    const pixels = new Uint32Array(2 ** bits);
    const half = pixels.length / 2;
    // In the order of stored values, negative ones are the second half.
    const parts: [first: number, part: Uint32Array][] = isSigned ? [[-half, pixels.subarray(half)], [0, pixels.subarray(0, half)]] : [[0, pixels]];
    for (const [first, part] of parts) {
      if (table) part.forEach((_, i) => { part[i] = greys[greyOfTable((first + i) * slope + intercept, table)] as number; });
      else fillRamp(part, first, ramp, greys);
    }
    this.#table = { key, pixels };
    return pixels;
  }

  #interpolate(source: Frame, placement: Placement, turn: Turn): void {
    const { width, height, x0, y0, sx, sy } = placement;
    const key = [source, width, height, x0, y0, sx, sy, turn.rotation_deg, turn.flipped];
    if (sameKey(key, this.#key)) return;
    const { right, down } = axesOf(turn);
    // Below half size, means of 2 × 2 (again and again) instead of voxels left out.
    const { factor = 1 } = source.whole ?? {};
    const halvings = Math.max(0, Math.floor(-Math.log2(Math.max(sx, sy) * factor) + 1e-9));
    const extent = extentOf(source);
    const reduced = factor * 2 ** halvings;
    const isTransposed = right[0] === 0;
    const frame = this.#prepare(source, isTransposed, halvings);
    const [columns, rows] = isTransposed ? [extent.rows, extent.columns] : [extent.columns, extent.rows];
    const across = axisTable(width, x0, sx, columns, reduced, right[0] + right[1] < 0);
    const along = axisTable(height, y0, sy, rows, reduced, down[0] + down[1] < 0);
    const size = width * height * frame.channels;
    const room = realsFor(source.stored, 0);
    if (this.#values.length < size || this.#values.constructor !== room.constructor) this.#values = realsFor(source.stored, size);
    resample(frame, across, along, width, this.#values);
    const covered = { left: across.first, top: along.first, right: across.last, bottom: along.last };
    const isSame = this.#key.length > 1 && this.#key[0] !== "exact"
      && covered.left === this.#covered.left && covered.top === this.#covered.top
      && covered.right === this.#covered.right && covered.bottom === this.#covered.bottom;
    if (!isSame) this.#blacken();
    this.#covered = covered;
    this.#across = across;
    this.#along = along;
    this.#key = key;
  }

  #prepare(source: Frame, transposed: boolean, halvings: number): Frame {
    const known = this.#prepared;
    if (known?.source === source && known.transposed === transposed && known.halvings === halvings) return known.frame;
    let frame = transposed ? transpose(source) : source;
    for (let i = 0; i < halvings; i += 1) frame = halve(frame);
    this.#prepared = { source, transposed, halvings, frame };
    return frame;
  }

  #paintGrey({ slope, intercept }: Frame, look: Look): void {
    const [across, along, width] = [this.#across, this.#along, this.canvas.width];
    if (across === null || along === null) return;
    const greys = coloursOf(look);
    const ramp = storedRamp(look.ramp, { slope, intercept });
    const { gain, offset } = ramp;
    const { table } = look;
    const [values, pixels] = [this.#values, this.#pixels];
    for (let y = along.first; y < along.last; y += 1) {
      const end = y * width + across.last;
      if (table) {
        for (let i = y * width + across.first; i < end; i += 1) pixels[i] = greys[greyOfTable((values[i] as number) * slope + intercept, table)] as number;
        continue;
      }
      if (ramp.isSigmoid) {
        for (let i = y * width + across.first; i < end; i += 1) pixels[i] = greys[greyOf(values[i] as number, ramp)] as number;
        continue;
      }
      for (let i = y * width + across.first; i < end; i += 1) {
        const grey = (values[i] as number) * gain + offset;
        // NaN compares false twice and ends as 0.
        pixels[i] = greys[grey <= 0 ? 0 : grey >= 255 ? 255 : (grey + 0.5) | 0] as number;
      }
    }
  }

  #paintColour(inverted: boolean): void {
    const [across, along, width] = [this.#across, this.#along, this.canvas.width];
    if (across === null || along === null) return;
    const flip = inverted ? 0xffffff : 0;
    const [values, pixels] = [this.#values, this.#pixels];
    for (let y = along.first; y < along.last; y += 1) {
      for (let x = across.first; x < across.last; x += 1) {
        const i = (y * width + x) * 3;
        const colour = (((values[i + 2] as number) + 0.5) | 0) << 16 | (((values[i + 1] as number) + 0.5) | 0) << 8
          | (((values[i] as number) + 0.5) | 0);
        pixels[y * width + x] = (BLACK | (colour ^ flip)) >>> 0;
      }
    }
  }
}

const sameKey = (a: unknown[], b: unknown[]): boolean => a.length === b.length && a.every((part, i) => part === b[i]);

const isOneToOne = ({ sx, sy }: Placement, turn: Turn): boolean =>
  sx === 1 && sy === 1 && turn.rotation_deg === 0 && !turn.flipped;
