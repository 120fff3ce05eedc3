/** A series' frames as one volume in memory: stored values slice by slice, bounded in bytes, filled as they land. */
import type { Badge } from "../ground/badges";
import { formatBytes } from "../ground/numbers";
import type { StackDescription, Transport } from "../ground/transport";
import { DEFAULT_LIMITS, FrameStore } from "../viewer/frames";
import type { Frame, Stored } from "../viewer/renderer";
import { badgesOf, type VolumeGeometry } from "./geometry";

/** Voxels that are kept; above it they are reduced within their slices. */
export const VOLUME_BYTES = 512 * 1024 ** 2;
/** Full slices kept beside a reduced volume. */
const FULL_SLICE_BYTES = 64 * 1024 ** 2;

/** What planes are sampled from: slice by slice, null where one is not here (yet). */
export interface Voxels {
  geometry: VolumeGeometry;
  slices: readonly (Stored | null)[];
}

const BYTES: Record<StackDescription["frames"][number]["dtype"], number> = {
  uint8: 1, int8: 1, uint16: 2, int16: 2, uint32: 4, int32: 4, float32: 4, float64: 8, rgb8: 3,
};

/** Return what each slice is kept as: as it is stored, or Float32 values where scales or types differ. */
export function keptAs(stack: StackDescription): { slope: number; intercept: number; isConverted: boolean } {
  const { frames } = stack;
  const [first] = frames;
  if (first === undefined) return { slope: 1, intercept: 0, isConverted: false };
  const isShared = frames.every((frame) => frame.slope === first.slope && frame.intercept === first.intercept && frame.dtype === first.dtype);
  return isShared ? { slope: first.slope, intercept: first.intercept, isConverted: false } : { slope: 1, intercept: 0, isConverted: true };
}

/** Return by how many voxels, a power of two, each slice is reduced along both directions. */
export function reductionFor(stack: StackDescription, geometry: VolumeGeometry, limit_bytes = VOLUME_BYTES): number {
  const { isConverted } = keptAs(stack);
  const bytes = stack.frames.reduce((sum, frame) => sum + frame.rows * frame.columns * (isConverted ? 4 : BYTES[frame.dtype]), 0);
  let factor = 1;
  while (bytes / factor ** 2 > limit_bytes && Math.min(geometry.rows, geometry.columns) > 2 * factor) factor *= 2;
  return factor;
}

/** Return the geometry of slices reduced by means of factor × factor voxels. */
export function reduced(geometry: VolumeGeometry, factor: number): VolumeGeometry {
  if (factor === 1) return geometry;
  const [row_mm, column_mm] = geometry.spacing_mm;
  const moved = (origins: Float64Array): Float64Array => origins.map((origin) => (origin + (factor - 1) / 2) / factor);
  return {
    ...geometry, spacing_mm: [row_mm * factor, column_mm * factor],
    rows: Math.floor(geometry.rows / factor), columns: Math.floor(geometry.columns / factor),
    originColumns: moved(geometry.originColumns), originRows: moved(geometry.originRows),
  };
}

/** Return means of factor × factor voxels, rounded where the type is of integers. */
export function reduceSlice(stored: Stored, columns: number, rows: number, factor: number): Stored {
  if (factor === 1) return stored;
  const [wide, high] = [Math.floor(columns / factor), Math.floor(rows / factor)];
  const out = new (stored.constructor as new (size: number) => Stored)(wide * high);
  const isWhole = !(stored instanceof Float32Array || stored instanceof Float64Array);
  for (let row = 0; row < high; row += 1) {
    for (let column = 0; column < wide; column += 1) {
      let sum = 0;
      for (let y = 0; y < factor; y += 1) {
        const start = (row * factor + y) * columns + column * factor;
        for (let x = 0; x < factor; x += 1) sum += stored[start + x] as number;
      }
      const mean = sum / factor ** 2;
      out[row * wide + column] = isWhole ? Math.floor(mean + 0.5) : mean;
    }
  }
  return out;
}

/** Return a frame's modality values. */
function valuesOf({ stored, slope, intercept }: Frame): Float32Array {
  return Float32Array.from(stored, (value) => value * slope + intercept);
}

/** One series' voxels. */
export class Volume implements Voxels {
  readonly slices: (Stored | null)[];
  /** values = what is kept · slope + intercept */
  readonly slope: number;
  readonly intercept: number;
  readonly factor: number;
  /** Of what is in memory. */
  readonly geometry: VolumeGeometry;
  readonly isConverted: boolean;
  /** Counts what landed: who has drawn an earlier state draws again. */
  version = 0;
  #bytes = 0;
  #count = 0;

  constructor(readonly stack: StackDescription, readonly full: VolumeGeometry, readonly limit_bytes = VOLUME_BYTES) {
    const { slope, intercept, isConverted } = keptAs(stack);
    [this.slope, this.intercept, this.isConverted] = [slope, intercept, isConverted];
    this.factor = reductionFor(stack, full, limit_bytes);
    this.geometry = reduced(full, this.factor);
    this.slices = full.frames.map(() => null);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Slices that are here. */
  get count(): number {
    return this.#count;
  }

  get isComplete(): boolean {
    return this.#count === this.slices.length;
  }

  /** Take a slice in. */
  put(slice: number, frame: Frame): void {
    if (this.slices[slice] !== null) return;
    const whole = this.isConverted ? valuesOf(frame) : frame.stored;
    const kept = reduceSlice(whole, frame.columns, frame.rows, this.factor);
    this.slices[slice] = kept;
    this.#bytes += kept.byteLength;
    this.#count += 1;
    this.version += 1;
  }

  /** What there is to say of it, in words. */
  get badges(): Badge[] {
    const badges = badgesOf(this.full);
    if (this.factor > 1) {
      badges.push({
        kind: "warn", icon: "warn", text: `Reduced 1 : ${this.factor}`,
        sentence: `The series takes more than ${formatBytes(this.limit_bytes)}. Planes are drawn from means of ${this.factor} × ${this.factor} voxels of each slice; a slice that is shown as it lies is drawn in full.`,
      });
    }
    return badges;
  }
}

export interface VolumeEvents {
  /** Slices are in memory. */
  onLanded(slices: readonly number[]): void;
  /** A frame could not be had; `message` is for people. */
  onFailed(message: string): void;
  /** The series has other frames by now. */
  onStale(): void;
}

/** Fetches a volume's frames, from the middle outwards, and lets go of what the volume has taken. */
export class VolumeLoader {
  readonly #store: FrameStore;
  readonly #sliceOf = new Map<number, number>();
  readonly #failed = new Set<number>();
  #isClosed = false;

  /** `known` is another store of the series, whose frames need not be fetched again. */
  constructor(readonly volume: Volume, transport: Transport, readonly events: VolumeEvents, known: FrameStore | null = null) {
    const { stack, full, factor, limit_bytes } = volume;
    full.frames.forEach((frame, slice) => this.#sliceOf.set(frame, slice));
    const keptBytes = factor > 1 ? FULL_SLICE_BYTES : limit_bytes;
    this.#store = new FrameStore(stack, transport, {
      onLanded: (first, count) => this.#take(first, count),
      onFailed: (frame, message) => this.#fail(frame, message),
      onStale: () => events.onStale(),
    }, { ...DEFAULT_LIMITS, keptBytes });
    if (known !== null) {
      this.#store.adopt(known);
      this.#take(0, stack.frames.length, false);
    }
  }

  get total(): number {
    return this.volume.slices.length;
  }

  get isLoading(): boolean {
    return !this.#isClosed && this.volume.count + this.#failed.size < this.total;
  }

  /** Begin, or go on, at a slice. */
  start(slice: number): void {
    if (!this.#isClosed && this.isLoading) this.#store.want(this.volume.full.frames[slice] ?? 0, 1);
  }

  /** Return a slice in full where it is in memory; otherwise it is asked for. */
  fullSlice(slice: number): Frame | null {
    if (this.volume.factor === 1 || this.#isClosed) return null;
    const index = this.volume.full.frames[slice];
    if (index === undefined) return null;
    const frame = this.#store.frame(index);
    if (frame === null && !this.isLoading) this.#store.want(index);
    return frame;
  }

  close(): void {
    this.#isClosed = true;
    this.#store.close();
  }

  #take(first: number, count: number, isNews = true): void {
    const landed: number[] = [];
    for (let index = first; index < first + count; index += 1) {
      const slice = this.#sliceOf.get(index);
      const frame = this.#store.has(index) ? this.#store.frame(index) : null;
      if (slice === undefined || frame === null) continue;
      this.volume.put(slice, frame);
      landed.push(slice);
    }
    if (isNews && landed.length > 0) this.events.onLanded(landed);
    this.#goOn();
  }

  #fail(frame: number, message: string): void {
    this.#failed.add(frame);
    this.events.onFailed(message);
    this.#goOn();
  }

  /** A store fetches what is near, within its bound: move on to what it does not reach. */
  #goOn(): void {
    const { volume } = this;
    if (volume.isComplete && volume.factor === 1) {
      this.#store.close(); // the volume holds them
      return;
    }
    if (volume.factor === 1 || !this.isLoading) return;
    queueMicrotask(() => {
      if (this.#isClosed || this.#store.requestsInFlight > 0) return;
      const next = volume.slices.findIndex((stored, slice) => stored === null && !this.#failed.has(volume.full.frames[slice] as number));
      if (next >= 0) this.#store.want(volume.full.frames[next] as number, 1);
    });
  }
}
