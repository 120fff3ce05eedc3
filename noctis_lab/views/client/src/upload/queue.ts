/** The files that go to the archive: several at a time, stopped and gone on with, each with its end. */
import { TransportError } from "../ground/transport";
import type { Chosen } from "./files";
import type { Answer } from "./send";

export type ItemState = "waiting" | "sending" | "done" | "failed" | "cancelled";

export interface Item {
  path: string;
  file: Blob;
  facility: string;
  state: ItemState;
  sent: number;
  reason: string;
  answer: Answer | null;
}

export type Send = (file: Blob, facility: string, progress: (sent: number) => void, signal: AbortSignal) => Promise<Answer>;

/** What stands against all files, not against one: the queue waits for a word, and nothing is lost. */
const HALTING = new Set<number | null>([null, 401, 403, 502, 503, 507]);
const BUSY = 429;
const BUSY_MS = 1000;
const RATE_OVER_MS = 5000;

export class UploadQueue {
  readonly items: Item[] = [];
  /** Why it stands still, null while it does not. */
  halted: string | null = null;
  private cursor = 0;
  private readonly going = new Map<Item, AbortController>();
  private busy: ReturnType<typeof setTimeout> | null = null;
  private marks: [number, number][] = [];

  constructor(
    private readonly send: Send, private readonly limits: () => { atOnce: number; mostBytes: number },
    private readonly changed: () => void, private readonly now: () => number = () => performance.now(),
  ) {}

  add(files: Chosen[], facility: string): void {
    const { mostBytes } = this.limits();
    for (const { path, file } of files) {
      const isTooLong = file.size > mostBytes;
      this.items.push({
        path, file, facility, sent: 0, answer: null, state: isTooLong ? "failed" : "waiting",
        reason: isTooLong ? `Larger than the archive takes (${mostBytes} bytes).` : "",
      });
    }
    this.pump();
  }

  get isRunning(): boolean {
    return this.going.size > 0 || this.busy !== null || (this.halted === null && this.count("waiting") > 0);
  }

  count(state: ItemState): number {
    return this.items.reduce((sum, item) => sum + (item.state === state ? 1 : 0), 0);
  }

  /** Files that have come to their end, and bytes: gone and all. */
  progress(): { ended: number; files: number; sentBytes: number; allBytes: number } {
    let ended = 0;
    let sentBytes = 0;
    let allBytes = 0;
    for (const item of this.items) {
      const isEnded = item.state !== "waiting" && item.state !== "sending";
      if (isEnded) ended += 1;
      allBytes += item.file.size;
      sentBytes += isEnded ? item.file.size : item.sent;
    }
    return { ended, files: this.items.length, sentBytes, allBytes };
  }

  /** Bytes a second over the last seconds, and seconds that are left; null where nothing moves. */
  pace(): { bytesPerS: number; left_s: number } | null {
    const { sentBytes, allBytes } = this.progress();
    const now = this.now();
    this.marks = this.marks.filter(([at]) => now - at <= RATE_OVER_MS);
    this.marks.push([now, sentBytes]);
    const [first_ms, first] = this.marks[0] ?? [now, sentBytes];
    const bytesPerS = now > first_ms ? ((sentBytes - first) * 1000) / (now - first_ms) : 0;
    return bytesPerS > 0 ? { bytesPerS, left_s: (allBytes - sentBytes) / bytesPerS } : null;
  }

  /** Stop: what is under way is broken off, what waits is not sent. */
  cancel(): void {
    for (const item of this.items) if (item.state === "waiting") this.end(item, "cancelled", "You cancelled it.");
    for (const request of this.going.values()) request.abort();
    this.halted = null;
    this.changed();
  }

  /** Send again what was not sent. */
  retry(): void {
    for (const item of this.items) {
      if (item.state === "failed" || item.state === "cancelled") Object.assign(item, { state: "waiting", reason: "", sent: 0 });
    }
    this.resume();
  }

  resume(): void {
    this.halted = null;
    this.cursor = 0;
    this.marks = [];
    this.pump();
  }

  clear(): void {
    this.cancel();
    this.items.length = 0;
    this.cursor = 0;
    this.marks = [];
  }

  private next(): Item | null {
    while (this.cursor < this.items.length) {
      const item = this.items[this.cursor];
      if (item?.state === "waiting") return item;
      this.cursor += 1;
    }
    return null;
  }

  private pump(): void {
    while (this.halted === null && this.busy === null && this.going.size < this.limits().atOnce) {
      const item = this.next();
      if (item === null) break;
      void this.run(item);
    }
    this.changed();
  }

  private async run(item: Item): Promise<void> {
    const request = new AbortController();
    this.going.set(item, request);
    Object.assign(item, { state: "sending", sent: 0 });
    try {
      item.answer = await this.send(item.file, item.facility, (sent) => { item.sent = Math.min(sent, item.file.size); this.changed(); }, request.signal);
      this.end(item, "done", "");
    } catch (error) {
      this.fail(item, error, request.signal.aborted);
    } finally {
      this.going.delete(item);
    }
    this.pump();
  }

  private fail(item: Item, error: unknown, isCancelled: boolean): void {
    const status = error instanceof TransportError ? error.status : undefined;
    const words = error instanceof Error ? error.message : "It could not be sent.";
    if (isCancelled) {
      this.end(item, "cancelled", "You cancelled it.");
    } else if (status === BUSY) {
      this.putBack(item);
      this.busy ??= setTimeout(() => { this.busy = null; this.pump(); }, BUSY_MS);
    } else if (status !== undefined && HALTING.has(status)) {
      this.putBack(item);
      this.halted = words;
    } else {
      this.end(item, "failed", words);
    }
  }

  private putBack(item: Item): void {
    Object.assign(item, { state: "waiting", sent: 0 });
    this.cursor = 0;
  }

  private end(item: Item, state: ItemState, reason: string): void {
    Object.assign(item, { state, reason });
  }
}
