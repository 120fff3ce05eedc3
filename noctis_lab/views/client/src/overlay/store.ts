/** Labels of one overlay over one series: fetched as images come into view, bounded in bytes. */
import { isStale, messageOf, type StackDescription } from "../ground/transport";
import { bytesOf, type LabelLayer, parseLabels } from "./labels";
import type { OverlayDescription, OverlaySource } from "./source";

export const KEPT_BYTES = 256 * 1024 ** 2;
const AT_ONCE = 8;
const REQUESTS = 3;

export interface StoreEvents {
  onLanded(): void;
  onFailed(message: string): void;
  /** The series, or what lies over it, is another one. */
  onStale(): void;
}

interface Kept {
  layers: LabelLayer[];
  bytes: number;
}

export class LabelStore {
  readonly #kept = new Map<number, Kept>();
  readonly #failed = new Set<number>();
  /** First images of what is asked for. */
  readonly #asked = new Set<number>();
  /** By who wants them: images, the nearest first. */
  readonly #wants = new Map<object, readonly number[]>();
  readonly #abort = new AbortController();
  #bytes = 0;
  /** Counts what landed: who has drawn an earlier state draws again. */
  version = 0;

  constructor(
    readonly stack: StackDescription, readonly description: OverlayDescription, readonly source: OverlaySource, readonly events: StoreEvents,
    readonly limit_bytes = KEPT_BYTES,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether what is wanted takes more memory than there is for it. */
  get isFull(): boolean {
    return this.#bytes >= this.limit_bytes && [...this.#wants.values()].some((images) => images.some((image) => !this.#isDone(image)));
  }

  /** Return the layers over an image; null: they are not here. */
  layers(image: number): readonly LabelLayer[] | null {
    return this.#kept.get(image)?.layers ?? null;
  }

  /** Say what somebody wants to see, the nearest first, in place of what they wanted. */
  want(who: object, images: readonly number[]): void {
    this.#wants.set(who, images);
    this.#pump();
  }

  /** Whether anybody looks at it. */
  get isWanted(): boolean {
    return this.#wants.size > 0;
  }

  /** Forget what others than these wanted. */
  keepFor(those: readonly object[]): void {
    for (const who of this.#wants.keys()) if (!those.includes(who)) this.#wants.delete(who);
  }

  close(): void {
    this.#wants.clear();
    this.#kept.clear();
    this.#abort.abort();
  }

  #isDone(image: number): boolean {
    return this.#kept.has(image) || this.#failed.has(image);
  }

  #next(): number | null {
    for (const images of this.#wants.values()) {
      const next = images.find((image) => !this.#isDone(image) && !this.#asked.has(image - (image % AT_ONCE)));
      if (next !== undefined) return next;
    }
    return null;
  }

  #pump(): void {
    while (this.#asked.size < REQUESTS && !this.#abort.signal.aborted) {
      const next = this.#next();
      if (next === null || (this.#bytes >= this.limit_bytes && !this.#makeRoom())) return;
      const first = next - (next % AT_ONCE);
      this.#asked.add(first);
      void this.#fetch(first, Math.min(AT_ONCE, this.stack.frames.length - first));
    }
  }

  async #fetch(first: number, count: number): Promise<void> {
    try {
      const bytes = await this.source.labels(this.stack, this.description, first, count, this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      parseLabels(bytes, count, this.stack.frames.slice(first, first + count)).forEach((layers, i) => this.#keep(first + i, layers));
      this.version += 1;
      this.events.onLanded();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      for (let image = first; image < first + count; image += 1) this.#failed.add(image);
      if (isStale(error)) this.events.onStale();
      else this.events.onFailed(messageOf(error));
    } finally {
      this.#asked.delete(first);
      this.#pump();
    }
  }

  #keep(image: number, layers: LabelLayer[]): void {
    if (this.#kept.has(image)) return;
    const bytes = bytesOf(layers);
    this.#kept.set(image, { layers, bytes });
    this.#bytes += bytes;
  }

  /** Let go of what nobody wants; false where all is wanted. */
  #makeRoom(): boolean {
    const wanted = new Set([...this.#wants.values()].flat());
    for (const [image, { bytes }] of this.#kept) {
      if (this.#bytes < this.limit_bytes) break;
      if (wanted.has(image)) continue;
      this.#kept.delete(image);
      this.#bytes -= bytes;
    }
    return this.#bytes < this.limit_bytes;
  }
}
