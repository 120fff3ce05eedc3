/** The measurements in memory: changed at once, saved behind, Python's figures taken over when they come. */
import { TransportError } from "../ground/transport";
import { type Change, History } from "./history";
import type { Measurement } from "./shapes";

/** Where measurements are kept: HTTP, or the component's channel. */
export interface MeasurementSource {
  list(StudyInstanceUID: string, SeriesInstanceUID: string, signal?: AbortSignal): Promise<Measurement[]>;
  /** Keep a measurement; returns it with the archive's own figures. */
  save(measurement: Measurement): Promise<Measurement>;
  remove(measurement: Measurement): Promise<void>;
}

export type Saving = "saved" | "saving" | "failed";

/** Why a measurement is not saved. */
export interface Unsaved {
  measurement: Measurement;
  words: string;
}

export interface StoreEvents {
  /** The list, a measurement, or how it is saved changed. */
  onChange(): void;
  /** A change could not be saved; said once, not at every new try. */
  onUnsaved(words: string): void;
  /** The list could not be had. */
  onListFailed(words: string): void;
}

/** How one measurement stands with the archive. */
interface Entry {
  measurement: Measurement;
  /** Taken out of the list here; the archive may not know yet. */
  isRemoved: boolean;
  state: Saving;
  words: string;
  /** Counts changes: what was saved may be an older one. */
  version: number;
  isBusy: boolean;
  /** Whether the archive may have it: it was listed, or sent. */
  mayBeKept: boolean;
  attempts: number;
  timer: ReturnType<typeof setTimeout> | null;
}

const RETRY_MS = [1000, 3000, 10_000, 30_000];

/** A refusal is not worth repeating: the same question gets the same answer. */
function mayPass(error: unknown): boolean {
  const status = error instanceof TransportError ? error.status : null;
  return status === null || status === 429 || status >= 500;
}

export class MeasurementStore {
  readonly #entries = new Map<string, Entry>();
  readonly #loaded = new Map<string, AbortController>();
  readonly history = new History();
  #isClosed = false;

  constructor(readonly source: MeasurementSource | null, readonly events: StoreEvents) {}

  /** A series' measurements, oldest first. */
  ofSeries(SeriesInstanceUID: string): Measurement[] {
    return [...this.#entries.values()].filter((entry) => !entry.isRemoved && entry.measurement.SeriesInstanceUID === SeriesInstanceUID)
      .map((entry) => entry.measurement);
  }

  all(): Measurement[] {
    return [...this.#entries.values()].filter((entry) => !entry.isRemoved).map((entry) => entry.measurement);
  }

  find(uid: string | null): Measurement | null {
    const entry = uid === null ? undefined : this.#entries.get(uid);
    return entry === undefined || entry.isRemoved ? null : entry.measurement;
  }

  stateOf(uid: string): Saving {
    return this.#entries.get(uid)?.state ?? "saved";
  }

  /** Whether leaving now would lose something. */
  get isUnsaved(): boolean {
    return [...this.#entries.values()].some((entry) => entry.state !== "saved");
  }

  get unsaved(): Unsaved[] {
    return [...this.#entries.values()].filter((entry) => entry.state === "failed").map(({ measurement, words }) => ({ measurement, words }));
  }

  /** Ask for a series' measurements, once. */
  async open(StudyInstanceUID: string, SeriesInstanceUID: string): Promise<void> {
    if (this.source === null || SeriesInstanceUID === "" || this.#loaded.has(SeriesInstanceUID)) return;
    const loading = new AbortController();
    this.#loaded.set(SeriesInstanceUID, loading);
    try {
      const found = await this.source.list(StudyInstanceUID, SeriesInstanceUID, loading.signal);
      for (const measurement of found) {
        if (!this.#entries.has(measurement.MeasurementUID)) this.#entries.set(measurement.MeasurementUID, { ...entryOf(measurement, "saved"), mayBeKept: true });
      }
      this.events.onChange();
    } catch (error) {
      this.#loaded.delete(SeriesInstanceUID);
      if (!loading.signal.aborted) this.events.onListFailed(wordsOf(error));
    }
  }

  /** Make a change that can be taken back, and save it. */
  commit(change: Change): void {
    this.history.add(change);
    this.#make(change);
  }

  undo(): Change | null {
    return this.#repeat(this.history.undo());
  }

  redo(): Change | null {
    return this.#repeat(this.history.redo());
  }

  #repeat(change: Change | null): Change | null {
    if (change !== null) this.#make(change);
    return change;
  }

  #make({ before, after }: Change): void {
    const uid = (after ?? before)?.MeasurementUID;
    if (uid === undefined) return;
    const entry = this.#entries.get(uid) ?? entryOf((after ?? before) as Measurement, "saving");
    if (after !== null) entry.measurement = after;
    entry.isRemoved = after === null;
    entry.version += 1;
    entry.attempts = 0;
    this.#entries.set(uid, entry);
    void this.#save(entry);
    this.events.onChange();
  }

  /** Try again what is not saved. */
  retry(): void {
    for (const entry of this.#entries.values()) {
      if (entry.state === "failed") void this.#save(entry);
    }
    this.events.onChange();
  }

  /** Stop waiting; what is in flight goes on. */
  close(): void {
    this.#isClosed = true;
    for (const loading of this.#loaded.values()) loading.abort();
    for (const entry of this.#entries.values()) if (entry.timer !== null) clearTimeout(entry.timer);
  }

  async #save(entry: Entry): Promise<void> {
    if (entry.timer !== null) clearTimeout(entry.timer);
    entry.timer = null;
    if (entry.isRemoved && !entry.mayBeKept) {
      entry.state = "saved"; // it is nowhere
      return;
    }
    entry.state = "saving";
    if (this.source === null) {
      entry.state = "failed";
      entry.words = "This view has no archive to save to.";
      this.events.onUnsaved(entry.words);
      return;
    }
    if (entry.isBusy) return; // what is in flight saves again when it is back
    entry.isBusy = true;
    const { version } = entry;
    try {
      if (entry.isRemoved) {
        await this.#remove(this.source, entry.measurement);
        entry.mayBeKept = false;
      } else {
        entry.mayBeKept = true;
        this.#takeOver(entry, await this.source.save(entry.measurement), version);
      }
      entry.attempts = 0;
      entry.state = "saved";
    } catch (error) {
      this.#onFailed(entry, error);
    }
    entry.isBusy = false;
    if (entry.version !== version) void this.#save(entry);
    this.events.onChange();
  }

  /** What the archive does not have is removed already. */
  async #remove(source: MeasurementSource, measurement: Measurement): Promise<void> {
    try {
      await source.remove(measurement);
    } catch (error) {
      if (!(error instanceof TransportError && error.status === 404)) throw error;
    }
  }

  /** The archive's figures and times stand, unless there is a newer change here. */
  #takeOver(entry: Entry, saved: Measurement, version: number): void {
    if (entry.version === version) entry.measurement = { ...entry.measurement, ...saved };
  }

  #onFailed(entry: Entry, error: unknown): void {
    entry.state = "failed";
    entry.words = wordsOf(error);
    if (entry.attempts === 0) this.events.onUnsaved(entry.words);
    if (this.#isClosed || !mayPass(error)) return;
    const wait = RETRY_MS[Math.min(entry.attempts, RETRY_MS.length - 1)] as number;
    entry.attempts += 1;
    entry.timer = setTimeout(() => {
      void this.#save(entry);
      this.events.onChange();
    }, wait);
  }
}

const entryOf = (measurement: Measurement, state: Saving): Entry =>
  ({ measurement, isRemoved: false, state, words: "", version: 0, isBusy: false, mayBeKept: false, attempts: 0, timer: null });

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
