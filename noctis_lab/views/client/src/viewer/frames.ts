/** The frames of one stack in memory: fetched centre-out from the frame in view, bounded in bytes. */
import { type FrameDescription, isStale, messageOf, type StackDescription, type Transport } from "../ground/transport";
import { type Frame, frameBytes, frameOf, previewFactor, previewOf } from "./renderer";

export interface FrameLimits {
  /** Frames kept in memory, bytes. */
  keptBytes: number;
  /** Requests in flight at one time. */
  requests: number;
  /** Frames a request, and their bytes, at most. */
  batchFrames: number;
  batchBytes: number;
}

export const DEFAULT_LIMITS: FrameLimits = {
  keptBytes: 512 * 1024 ** 2, requests: 5, batchFrames: 8, batchBytes: 8 * 1024 ** 2,
};

/** What a store that serves another keeper of frames leaves out. */
export interface FrameOptions {
  /** Whether a frame is kept elsewhere: it is not asked for. */
  isKept?(index: number): boolean;
  /** Whether a large frame comes reduced first; it does unless this says no. */
  hasPreviews?: boolean;
}

interface Flight {
  first: number;
  count: number;
  abort: AbortController;
}

export interface FrameEvents {
  /** Frames first … first + count − 1 are in memory. */
  onLanded(first: number, count: number): void;
  /** A frame could not be had; `message` is for people. */
  onFailed(index: number, message: string): void;
  /** The series has other frames by now: nothing more is asked for until it is described again. Said once. */
  onStale(): void;
  /** Nothing is on its way any more: all that has room is here, or could not be had. */
  onIdle?(): void;
}

/** Return where a frame stands in a description, or null where it is no part of it (any more). */
export function placeOf(frame: Pick<FrameDescription, "SOPInstanceUID" | "frame">, frames: readonly FrameDescription[]): number | null {
  const index = frames.findIndex((other) => other.SOPInstanceUID === frame.SOPInstanceUID && other.frame === frame.frame);
  return index < 0 ? null : index;
}

/** Return where a frame of one description stands in a later one, or null where it is gone. */
export function indexAfter(index: number | null, before: StackDescription, after: StackDescription): number | null {
  const frame = index === null ? undefined : before.frames[index];
  return frame === undefined ? null : placeOf(frame, after.frames);
}

const nameOf = ({ SOPInstanceUID, frame }: FrameDescription): string => `${SOPInstanceUID} ${frame}`;

/** Fetches, keeps and lets go of one stack's frames. */
export class FrameStore {
  /** In order of use, the least recently used first. */
  readonly #frames = new Map<number, Frame>();
  readonly #flights = new Set<Flight>();
  /** Of the frame in view, until it is here itself. */
  #preview: { index: number; frame: Frame | null; abort: AbortController } | null = null;
  readonly #failures = new Map<number, string>();
  /** Batches that failed as a whole are asked for again one frame at a time. */
  readonly #single = new Set<number>();
  readonly #sizes: number[];
  #bytes = 0;
  #at = 0;
  #direction: 1 | -1 = 1;
  #failedInRow = 0;
  #closed = false;
  #isStale = false;

  constructor(
    readonly stack: StackDescription, readonly transport: Transport, readonly events: FrameEvents,
    readonly limits: FrameLimits = DEFAULT_LIMITS, readonly options: FrameOptions = {},
  ) {
    this.#sizes = stack.frames.map(frameBytes);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#frames.size;
  }

  get total(): number {
    return this.#sizes.length;
  }

  get requestsInFlight(): number {
    return this.#flights.size;
  }

  has(index: number): boolean {
    return this.#frames.has(index);
  }

  /** Return a frame in memory, or null; counts as use. */
  frame(index: number): Frame | null {
    const frame = this.#frames.get(index);
    if (frame === undefined) return null;
    this.#frames.delete(index);
    this.#frames.set(index, frame);
    return frame;
  }

  /** Return a frame at low resolution while it is on its way, or null. */
  preview(index: number): Frame | null {
    return this.#preview?.index === index ? this.#preview.frame : null;
  }

  failure(index: number): string | null {
    return this.#failures.get(index) ?? null;
  }

  /** Ask for a frame first, and then for its neighbours, more of them in the direction of scrolling. */
  want(index: number, direction: 1 | -1 = this.#direction): void {
    this.#at = index;
    this.#direction = direction;
    this.#failedInRow = 0;
    this.#pump();
  }

  /** Take over what another store of the series holds: an instance's pixels never change. */
  adopt(other: FrameStore): void {
    const places = new Map(this.stack.frames.map((frame, index) => [nameOf(frame), index]));
    for (const [index, frame] of other.#frames) {
      const description = other.stack.frames[index];
      const place = description && places.get(nameOf(description));
      if (place === undefined || this.#frames.has(place)) continue;
      this.#frames.set(place, frame);
      this.#bytes += this.#sizes[place] as number;
    }
  }

  /** Let a frame go: it is kept elsewhere. */
  release(index: number): void {
    if (this.#frames.delete(index)) this.#bytes -= this.#sizes[index] as number;
  }

  /** Ask again for what could not be had. */
  retry(): void {
    this.#failures.clear();
    this.#failedInRow = 0;
    this.#pump();
  }

  /** The limits are others: let go of what is too much, or ask for what has room now. */
  fit(): void {
    this.#trim();
    this.#pump();
  }

  /** Cancel what is in flight and let all frames go. */
  close(): void {
    this.#closed = true;
    for (const flight of this.#flights) flight.abort.abort();
    this.#flights.clear();
    this.#preview?.abort.abort();
    this.#preview = null;
    this.#frames.clear();
    this.#bytes = 0;
  }

  #pump(): void {
    if (this.#closed || this.#isStale) return;
    const isMissing = (index: number): boolean =>
      !this.#frames.has(index) && !this.#failures.has(index) && !this.#isInFlight(index) && this.options.isKept?.(index) !== true;
    if (isMissing(this.#at)) {
      if (this.#awaitsPreview()) return; // nothing delays it
      if (this.#flights.size >= this.limits.requests) this.#cancelFarthest();
      this.#send(this.#at, 1);
    }
    if (this.#failedInRow >= 3) return; // a server that is down is not asked for every frame of the stack
    for (const index of this.#nearest()) {
      if (this.#flights.size >= this.limits.requests) return;
      if (isMissing(index)) this.#send(...this.#batchFrom(index, isMissing));
    }
  }

  /** Ask for a preview of the frame in view where it is a large one; true while that is on its way. */
  #awaitsPreview(): boolean {
    const index = this.#at;
    const description = this.stack.frames[index];
    if (this.options.hasPreviews === false || this.transport.preview === undefined || description === undefined || previewFactor(description) === 1) return false;
    if (this.#preview?.index === index) return this.#preview.frame === null && !this.#preview.abort.signal.aborted;
    this.#preview?.abort.abort();
    const preview = { index, frame: null as Frame | null, abort: new AbortController() };
    this.#preview = preview;
    const settle = (bytes: ArrayBuffer | null): void => {
      if (this.#preview !== preview) return;
      preview.frame = bytes === null ? null : previewOf(description, bytes);
      if (preview.frame === null) preview.abort.abort(); // the frame itself says what is wrong
      else this.events.onLanded(index, 1);
      this.#pump();
    };
    this.transport.preview(this.stack, index, preview.abort.signal).then(settle, () => settle(null));
    return true;
  }

  /** Frames worth having, best first: one behind for every two ahead, within the bound in bytes. */
  *#nearest(): Generator<number> {
    const { total } = this;
    let room = this.limits.keptBytes;
    let [ahead, behind] = [this.#at, this.#at - this.#direction];
    for (let turn = 0; ; turn += 1) {
      const canGoAhead = ahead >= 0 && ahead < total;
      const canGoBack = behind >= 0 && behind < total;
      if (!canGoAhead && !canGoBack) return;
      const goesAhead = canGoAhead && (turn % 3 !== 2 || !canGoBack);
      const index = goesAhead ? ahead : behind;
      room -= this.#sizes[index] as number;
      if (room < 0) return;
      yield index;
      if (goesAhead) ahead += this.#direction;
      else behind -= this.#direction;
    }
  }

  /** Return (first, count) of the missing frames next to one, away from the frame in view. */
  #batchFrom(index: number, isMissing: (index: number) => boolean): [number, number] {
    if (this.#single.has(index)) return [index, 1];
    const step = index >= this.#at ? 1 : -1;
    let bytes = this.#sizes[index] as number;
    let last = index;
    for (let count = 1; count < this.limits.batchFrames; count += 1) {
      const next = last + step;
      const size = this.#sizes[next];
      if (size === undefined || !isMissing(next) || this.#single.has(next) || bytes + size > this.limits.batchBytes) break;
      bytes += size;
      last = next;
    }
    return [Math.min(index, last), Math.abs(last - index) + 1];
  }

  #isInFlight(index: number): boolean {
    for (const flight of this.#flights) {
      if (index >= flight.first && index < flight.first + flight.count) return true;
    }
    return false;
  }

  #cancelFarthest(): void {
    const distance = (flight: Flight): number => Math.abs(flight.first + flight.count / 2 - this.#at);
    let farthest: Flight | null = null;
    for (const flight of this.#flights) {
      if (farthest === null || distance(flight) > distance(farthest)) farthest = flight;
    }
    if (farthest === null) return;
    this.#flights.delete(farthest);
    farthest.abort.abort();
  }

  #send(first: number, count: number): void {
    const flight: Flight = { first, count, abort: new AbortController() };
    this.#flights.add(flight);
    this.transport.pixels(this.stack, first, count, flight.abort.signal).then(
      (bytes) => this.#land(flight, bytes),
      (error: unknown) => this.#fail(flight, error),
    );
  }

  #land(flight: Flight, bytes: ArrayBuffer): void {
    if (!this.#flights.delete(flight)) return;
    const { first, count } = flight;
    const sizes = this.#sizes.slice(first, first + count);
    const expected = sizes.reduce((sum, size) => sum + size, 0);
    if (bytes.byteLength !== expected) {
      this.#note(flight, `The server sent ${bytes.byteLength} bytes where these pixels take ${expected}.`);
      return;
    }
    let offset = 0;
    sizes.forEach((size, i) => {
      const description = this.stack.frames[first + i];
      if (description && !this.#frames.has(first + i)) {
        this.#frames.set(first + i, frameOf(description, bytes.slice(offset, offset + size)));
        this.#bytes += size;
      }
      offset += size;
    });
    this.#failedInRow = 0;
    if (this.#preview && this.#frames.has(this.#preview.index)) this.#preview = null;
    this.#trim();
    this.events.onLanded(first, count);
    this.#goOn();
  }

  #goOn(): void {
    this.#pump();
    if (!this.#closed && this.#flights.size === 0) this.events.onIdle?.();
  }

  #fail(flight: Flight, error: unknown): void {
    if (!this.#flights.delete(flight)) return; // it was cancelled
    if (!isStale(error)) {
      this.#note(flight, messageOf(error));
    } else if (!this.#isStale) {
      this.#isStale = true;
      this.events.onStale();
    }
  }

  #note({ first, count }: Flight, message: string): void {
    this.#failedInRow += 1;
    if (count > 1) {
      for (let i = first; i < first + count; i += 1) this.#single.add(i);
    } else {
      this.#failures.set(first, message);
      this.events.onFailed(first, message);
    }
    this.#goOn();
  }

  /** Let go, least recently used first, of frames that are not worth having from where we are. */
  #trim(): void {
    if (this.#bytes <= this.limits.keptBytes) return;
    const worth = new Set(this.#nearest());
    for (const index of [...this.#frames.keys()]) {
      if (this.#bytes <= this.limits.keptBytes) return;
      if (worth.has(index) || index === this.#at) continue;
      this.#frames.delete(index);
      this.#bytes -= this.#sizes[index] as number;
    }
  }
}
