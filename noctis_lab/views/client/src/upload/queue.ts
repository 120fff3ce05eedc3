/** The files that go to the archive: several at a time, stopped and gone on with, each with its end. */
import { TransportError } from "../ground/transport";
import { bundleOf, nameOf } from "./bundle";
import type { Chosen } from "./files";
import type { Answer, Sending, Taken } from "./send";

export type ItemState = "waiting" | "sending" | "done" | "failed" | "cancelled";

export interface Item {
  path: string;
  file: Blob;
  facility: string;
  state: ItemState;
  sent: number;
  /** How far the archive is with it, where it is a zip; null where that is not known. */
  taken: Taken | null;
  isZip: boolean;
  /** It goes without others: an archive, or one whose bundle failed. */
  isAlone: boolean;
  reason: string;
  answer: Answer | null;
}

export type Send = (body: Blob, sending: Sending) => Promise<Answer>;

/** Small files go together: each body costs the archive several syncs. */
export interface Bundling {
  smallBytes: number;
  mostBytes: number;
  mostFiles: number;
}

const BUNDLING: Bundling = { smallBytes: 2 * 1024 * 1024, mostBytes: 8 * 1024 * 1024, mostFiles: 64 };

interface Going {
  items: Item[];
  request: AbortController;
}

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
  private readonly going = new Set<Going>();
  private busy: ReturnType<typeof setTimeout> | null = null;
  private marks: [at: number, sentBytes: number, work: number][] = [];

  constructor(
    private readonly send: Send, private readonly limits: () => { atOnce: number; mostBytes: number },
    private readonly changed: () => void, private readonly now: () => number = () => performance.now(),
    private readonly bundling: Bundling = BUNDLING,
  ) {}

  add(files: Chosen[], facility: string): void {
    const { mostBytes } = this.limits();
    for (const { path, file } of files) {
      const isTooLong = file.size > mostBytes;
      this.items.push({
        path, file, facility, sent: 0, taken: null, isZip: /\.zip$/i.test(path), isAlone: false, answer: null, state: isTooLong ? "failed" : "waiting",
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

  /** What is done of all there is to do; a zip is to be sent, and then to be taken apart. */
  work(): { done: number; all: number } {
    let done = 0;
    let all = 0;
    for (const { file, state, isZip, sent, taken } of this.items) {
      const own = isZip ? 2 * file.size : file.size;
      const isEnded = state !== "waiting" && state !== "sending";
      all += own;
      done += isEnded ? own : sent + (isZip && taken ? (file.size * taken.done) / taken.found : 0);
    }
    return { done, all };
  }

  /** Bytes sent a second over the last seconds, and seconds that are left; null where nothing moves. */
  pace(): { bytesPerS: number; left_s: number } | null {
    const { sentBytes } = this.progress();
    const { done, all } = this.work();
    const now = this.now();
    this.marks = this.marks.filter(([at]) => now - at <= RATE_OVER_MS);
    this.marks.push([now, sentBytes, done]);
    const [first_ms, firstBytes, firstDone] = this.marks[0] ?? [now, sentBytes, done];
    if (now <= first_ms || done <= firstDone) return null;
    const perS = (amount: number): number => (amount * 1000) / (now - first_ms);
    return { bytesPerS: perS(sentBytes - firstBytes), left_s: (all - done) / perS(done - firstDone) };
  }

  /** Stop: what is under way is broken off, what waits is not sent. */
  cancel(): void {
    for (const item of this.items) if (item.state === "waiting") this.end(item, "cancelled", "You cancelled it.");
    for (const { request } of this.going) request.abort();
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

  /** The next file, or the next small ones that go together. */
  private nextItems(): Item[] {
    const first = this.next();
    if (first === null) return [];
    const { smallBytes, mostBytes, mostFiles } = this.bundling;
    const most = Math.min(mostBytes, this.limits().mostBytes / 2); // with its own list of them
    const items: Item[] = [];
    let bytes = 0;
    for (let at = this.cursor; at < this.items.length && items.length < mostFiles; at += 1) {
      const item = this.items[at];
      if (item?.state !== "waiting") continue;
      bytes += item.file.size;
      const fits = !item.isAlone && item.file.size <= smallBytes && bytes <= most && item.facility === first.facility;
      if (!fits) break;
      items.push(item);
    }
    return items.length > 1 ? items : [first];
  }

  private pump(): void {
    while (this.halted === null && this.busy === null && this.going.size < this.limits().atOnce) {
      const items = this.nextItems();
      if (items.length === 0) break;
      void this.run(items);
    }
    this.changed();
  }

  private async run(items: Item[]): Promise<void> {
    const going: Going = { items, request: new AbortController() };
    const { signal } = going.request;
    this.going.add(going);
    for (const item of items) Object.assign(item, { state: "sending", sent: 0, taken: null });
    try {
      const [first] = items;
      if (items.length === 1 && first) await this.runOne(first, signal);
      else await this.runTogether(items, signal);
    } catch (error) {
      for (const item of items) if (item.state === "sending") this.fail(item, error, signal.aborted);
    } finally {
      this.going.delete(going);
    }
    this.pump();
  }

  private async runOne(item: Item, signal: AbortSignal): Promise<void> {
    const progress = {
      sent: (bytes: number): void => { item.sent = Math.min(bytes, item.file.size); this.changed(); },
      taken: (taken: Taken): void => { item.taken = taken; item.isZip ||= taken.found > 1; this.changed(); },
    };
    item.answer = await this.send(item.file, { facility: item.facility, progress, signal, isBundle: false });
    this.end(item, "done", "");
  }

  private async runTogether(items: Item[], signal: AbortSignal): Promise<void> {
    const { body, inside, alone, unreadable } = await bundleOf(items);
    for (const item of unreadable) this.end(item, "failed", "Your browser could not read it.");
    for (const item of alone) {
      item.isAlone = true;
      this.putBack(item);
    }
    const [first] = inside;
    if (!first) return;
    const progress = {
      sent: (bytes: number): void => {
        let left = bytes;
        for (const item of inside) {
          item.sent = Math.min(left, item.file.size);
          left -= item.sent;
        }
        this.changed();
      },
      taken: (): void => undefined,
    };
    const answer = await this.send(body, { facility: first.facility, progress, signal, isBundle: true });
    const ends = new Map(answer.items.map((each) => [each.name, each]));
    inside.forEach((item, index) => {
      const own = ends.get(nameOf(index));
      if (own === undefined) {
        this.end(item, "failed", "It was broken off.");
        return;
      }
      item.answer = { is_zip: false, is_stopped: false, stored: 0, same: 0, conflicts: 0, rejected: 0, items: [{ ...own, name: "" }] };
      this.end(item, "done", "");
    });
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
      item.isAlone = true; // sent again, it shows whether it was the one to blame
      this.end(item, "failed", words);
    }
  }

  private putBack(item: Item): void {
    Object.assign(item, { state: "waiting", sent: 0, taken: null });
    this.cursor = 0;
  }

  private end(item: Item, state: ItemState, reason: string): void {
    Object.assign(item, { state, reason });
  }
}
