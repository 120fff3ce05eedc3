/** A series' frames as one volume in memory: stored values slice by slice, bounded in bytes, filled as they land. */
import type { Badge } from "../ground/badges";
import { formatBytes } from "../ground/numbers";
import type { FrameDescription, StackDescription, Transport } from "../ground/transport";
import { DEFAULT_LIMITS, FrameStore } from "../viewer/frames";
import type { Frame, Stored } from "../viewer/renderer";
import { badgesOf, type VolumeGeometry } from "./geometry";

/** What a volume may take of the bytes that all panes share; where its voxels take more they are reduced within their slices. */
export const VOLUME_BYTES = (DEFAULT_LIMITS.keptBytes * 7) / 8;
/** The part of it that full slices may take beside a reduced volume. */
const FULL_SLICES_PART = 1 / 8;
/** When what could not be had is asked for again by itself; after that on request alone. */
const RETRY_MS = [1000, 3000, 10_000, 30_000];
/** After so many failures without a success between them nothing more is asked for until then. */
const FAILED_IN_ROW = 3;

/** What planes are sampled from: slice by slice, null where one is not here (yet). */
export interface Voxels {
  geometry: VolumeGeometry;
  slices: readonly (Stored | null)[];
  /** Slices that could not be had. */
  failed?: ReadonlySet<number>;
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
function reductionFor(stack: StackDescription, geometry: VolumeGeometry, limit_bytes = VOLUME_BYTES): number {
  const bytes = wholeBytes(stack);
  const fits = (factor: number): boolean => bytes / factor ** 2 <= (factor === 1 ? limit_bytes : limit_bytes * (1 - FULL_SLICES_PART));
  let factor = 1;
  while (!fits(factor) && Math.min(geometry.rows, geometry.columns) > 2 * factor) factor *= 2;
  return factor;
}

function wholeBytes(stack: StackDescription): number {
  const { isConverted } = keptAs(stack);
  return stack.frames.reduce((sum, frame) => sum + frame.rows * frame.columns * (isConverted ? 4 : BYTES[frame.dtype]), 0);
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
function valuesOf({ stored, slope, intercept }: Pick<Frame, "stored" | "slope" | "intercept">): Float32Array {
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
  readonly failed = new Set<number>();
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

  /** What it takes when all slices are here, with the full slices beside it. */
  get claimedBytes(): number {
    const { factor, limit_bytes } = this;
    return wholeBytes(this.stack) / factor ** 2 + (factor > 1 ? limit_bytes * FULL_SLICES_PART : 0);
  }

  /** Return which of a slice's values, as they are kept, are padding: from the first to the second; null: none. */
  paddingOf(slice: number): readonly [number, number] | null {
    const padding = this.stack.padding ?? null;
    const frame = this.stack.frames[this.full.frames[slice] as number];
    if (padding === null || !this.isConverted || frame === undefined) return padding;
    const [one, other] = padding.map((stored) => Math.fround(stored * frame.slope + frame.intercept)) as [number, number];
    return [Math.min(one, other), Math.max(one, other)];
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
    this.#keep(slice, reduceSlice(whole, frame.columns, frame.rows, this.factor));
  }

  #keep(slice: number, kept: Stored): void {
    this.slices[slice] = kept;
    this.failed.delete(slice);
    this.#bytes += kept.byteLength;
    this.#count += 1;
    this.version += 1;
  }

  /** Take over the slices of the series as it was before, where they are kept in a form that gives this one's: pixels never change. */
  adopt(before: Volume): void {
    if (before.factor !== this.factor && before.factor !== 1) return; // means of rounded means are others
    if (before.isConverted !== this.isConverted && (before.isConverted || before.factor > 1)) return;
    const places = new Map(this.full.frames.map((frame, slice) => [nameOf(this.stack.frames[frame]), slice]));
    before.slices.forEach((stored, k) => {
      const slice = places.get(nameOf(before.stack.frames[before.full.frames[k] as number]));
      if (stored === null || slice === undefined || this.slices[slice] !== null) return;
      const { slope, intercept, geometry: { columns, rows } } = before;
      const whole = this.isConverted && !before.isConverted ? valuesOf({ stored, slope, intercept }) : stored;
      this.#keep(slice, before.factor === this.factor ? whole : reduceSlice(whole, columns, rows, this.factor));
    });
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

const nameOf = (frame: FrameDescription | undefined): string => `${frame?.SOPInstanceUID} ${frame?.frame}`;

export interface VolumeEvents {
  /** Slices are in memory. */
  onLanded(slices: readonly number[]): void;
  /** Slices could not be had: `volume.failed`. */
  onMissing(): void;
  /** The series has other frames by now. */
  onStale(): void;
}

/** Fetches a volume's frames, from the middle outwards, lets go of what the volume has taken, and asks again for what failed. */
export class VolumeLoader {
  readonly #store: FrameStore;
  readonly #sliceOf = new Map<number, number>();
  /** Slices that failed since they were asked for last. */
  readonly #failed = new Set<number>();
  #failedInRow = 0;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  /** Why slices are missing, in words for people. */
  message = "";

  /** `known` is another store of the series, whose frames need not be fetched again. */
  constructor(readonly volume: Volume, transport: Transport, readonly events: VolumeEvents, known: FrameStore | null = null) {
    const { stack, full, factor, limit_bytes } = volume;
    full.frames.forEach((frame, slice) => this.#sliceOf.set(frame, slice));
    const keptBytes = factor > 1 ? limit_bytes * FULL_SLICES_PART : limit_bytes;
    this.#store = new FrameStore(stack, transport, {
      onLanded: (first, count) => this.#take(first, count),
      onFailed: (frame, message) => this.#fail(frame, message),
      onStale: () => events.onStale(),
      onIdle: () => this.#goOn(),
    }, { ...DEFAULT_LIMITS, keptBytes }, { isKept: (frame) => this.#isTaken(frame), hasPreviews: false });
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

  /** What else is in memory: full slices beside a reduced volume. */
  get store(): FrameStore {
    return this.#store;
  }

  /** Begin, or go on, at a slice. */
  start(slice: number): void {
    if (this.#isClosed || !this.isLoading) return;
    this.#store.want(this.volume.full.frames[slice] ?? 0, 1);
    this.#goOn();
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

  /** Ask again for what could not be had. */
  retry(): void {
    this.#attempts = 0;
    this.#again();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#store.close();
  }

  /** Whether the volume has a frame and needs it no more: a slice in full is wanted beside a reduced volume, once that is whole. */
  #isTaken(frame: number): boolean {
    const slice = this.#sliceOf.get(frame);
    return slice !== undefined && this.volume.slices[slice] !== null && (this.volume.factor === 1 || this.isLoading);
  }

  #take(first: number, count: number, isNews = true): void {
    const landed: number[] = [];
    for (let index = first; index < first + count; index += 1) {
      const slice = this.#sliceOf.get(index);
      const frame = this.#store.has(index) ? this.#store.frame(index) : null;
      if (slice === undefined || frame === null) continue;
      this.volume.put(slice, frame);
      if (this.volume.factor === 1) this.#store.release(index);
      landed.push(slice);
    }
    if (isNews && landed.length > 0) {
      [this.#failedInRow, this.#attempts] = [0, 0];
      this.events.onLanded(landed);
    }
    this.#goOn();
  }

  #fail(frame: number, message: string): void {
    const slice = this.#sliceOf.get(frame);
    if (slice === undefined || this.volume.slices[slice] !== null) return;
    this.message = message;
    this.#failedInRow += 1;
    this.#failed.add(slice);
    this.volume.failed.add(slice);
    this.events.onMissing();
    this.#goOn();
  }

  /** A store fetches what is near, within its bound: move on to what it does not reach. */
  #goOn(): void {
    const { volume } = this;
    if (volume.isComplete) {
      if (volume.factor === 1) this.#store.close(); // the volume holds them
      return;
    }
    queueMicrotask(() => {
      if (this.#isClosed || this.#store.requestsInFlight > 0 || volume.isComplete) return;
      const next = volume.slices.findIndex((stored, slice) => stored === null && !this.#failed.has(slice));
      if (next >= 0 && this.#failedInRow < FAILED_IN_ROW) this.#store.want(volume.full.frames[next] as number, 1);
      else this.#rest();
    });
  }

  /** Nothing more can be had now: say what is missing, and ask again later. */
  #rest(): void {
    this.volume.slices.forEach((stored, slice) => {
      if (stored !== null) return;
      this.#failed.add(slice);
      this.volume.failed.add(slice);
    });
    if (this.#timer !== undefined) return;
    this.events.onMissing();
    const wait_ms = RETRY_MS[this.#attempts];
    if (wait_ms !== undefined) this.#timer = setTimeout(() => this.#again(), wait_ms);
    this.#attempts += 1;
  }

  #again(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isClosed || this.volume.isComplete) return;
    this.#failed.clear();
    this.#failedInRow = 0;
    this.#store.retry();
    this.#goOn();
  }
}
