/** Surfaces that the archive makes and keeps: asked for, watched while they are made, opened again. */
import { request } from "../ground/transport";

/** What a surface is of: all above a level, or a segment of a segmentation. */
export type Wanted = { kind: "threshold"; level: number } | { kind: "segment"; SOPInstanceUID: string; segment: number };

/** A surface that is asked for, being made, made, or that could not be made. */
export interface KeptSurface {
  key: string;
  kind: Wanted["kind"];
  /** In the values' units; of a segment half of it. */
  level: number;
  units: string | null;
  /** The segment's; empty for a threshold. */
  label: string;
  state: "waiting" | "running" | "done" | "failed";
  /** Part that is done, 0 … 1. */
  progress: number;
  /** What it encloses; null where it is open, since something of it leaves the volume. */
  volume_mm3: number | null;
  area_mm2: number | null;
  faces: number | null;
  /** The mesh that is drawn is of every so-manieth voxel; STL has all. */
  shown_step: number;
  /** Why it could not be made. */
  error: string | null;
}

/** A segment that there can be a surface of. */
export interface SegmentChoice {
  SOPInstanceUID: string;
  SeriesInstanceUID: string;
  segment: number;
  label: string;
}

/** Where surfaces are kept. */
export interface SurfaceSource {
  surfaces(StudyInstanceUID: string, SeriesInstanceUID: string): Promise<KeptSurface[]>;
  makeSurface(StudyInstanceUID: string, SeriesInstanceUID: string, wanted: Wanted): Promise<KeptSurface>;
  surface(StudyInstanceUID: string, SeriesInstanceUID: string, key: string): Promise<KeptSurface>;
  /** Forget one; where it is being made, stop. */
  removeSurface(StudyInstanceUID: string, SeriesInstanceUID: string, key: string): Promise<void>;
  /** Binary PLY, mm, patient LPS. */
  surfaceMesh(StudyInstanceUID: string, SeriesInstanceUID: string, key: string): Promise<ArrayBuffer>;
  /** Binary STL, mm, patient LPS. */
  surfaceStl(StudyInstanceUID: string, SeriesInstanceUID: string, key: string): Promise<ArrayBuffer>;
  segments(StudyInstanceUID: string, SeriesInstanceUID: string): Promise<SegmentChoice[]>;
}

/** The routes of a served archive. */
export class HttpSurfaces implements SurfaceSource {
  constructor(readonly base = "/api/v1/dicom") {}

  #path(StudyInstanceUID: string, SeriesInstanceUID: string, rest = ""): string {
    return `${this.base}/studies/${encodeURIComponent(StudyInstanceUID)}/series/${encodeURIComponent(SeriesInstanceUID)}/surfaces${rest}`;
  }

  async surfaces(study: string, series: string): Promise<KeptSurface[]> {
    return (await (await request(this.#path(study, series))).json()) as KeptSurface[];
  }

  async makeSurface(study: string, series: string, wanted: Wanted): Promise<KeptSurface> {
    const init = { method: "POST", headers: { "Content-Type": "application/json", "X-Noctis": "1" }, body: JSON.stringify(wanted) };
    return (await (await request(this.#path(study, series), init)).json()) as KeptSurface;
  }

  async surface(study: string, series: string, key: string): Promise<KeptSurface> {
    return (await (await request(this.#path(study, series, `/${encodeURIComponent(key)}`))).json()) as KeptSurface;
  }

  async removeSurface(study: string, series: string, key: string): Promise<void> {
    await request(this.#path(study, series, `/${encodeURIComponent(key)}`), { method: "DELETE", headers: { "X-Noctis": "1" } });
  }

  async surfaceMesh(study: string, series: string, key: string): Promise<ArrayBuffer> {
    return (await request(this.#path(study, series, `/${encodeURIComponent(key)}/mesh`))).arrayBuffer();
  }

  async surfaceStl(study: string, series: string, key: string): Promise<ArrayBuffer> {
    return (await request(this.#path(study, series, `/${encodeURIComponent(key)}/stl`))).arrayBuffer();
  }

  async segments(study: string, series: string): Promise<SegmentChoice[]> {
    return (await (await request(this.#path(study, series, "/segments"))).json()) as SegmentChoice[];
  }
}

const ASK_EVERY_MS = 300;

/** One series' surfaces, and the one that is shown. */
export class SurfaceShelf {
  kept: KeptSurface[] = [];
  segments: SegmentChoice[] = [];
  /** What went wrong last, for people. */
  failure = "";
  #timer = 0;
  #isClosed = false;

  constructor(
    readonly source: SurfaceSource | null, readonly StudyInstanceUID: string, readonly SeriesInstanceUID: string,
    /** `done` is a surface that has just been made. */
    readonly onChange: (done: KeptSurface | null) => void,
  ) {}

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** Ask for what is kept. */
  async refresh(): Promise<void> {
    await this.#try(async (source) => {
      [this.kept, this.segments] = await Promise.all([
        source.surfaces(this.StudyInstanceUID, this.SeriesInstanceUID), source.segments(this.StudyInstanceUID, this.SeriesInstanceUID),
      ]);
    });
    this.#watch();
  }

  async make(wanted: Wanted): Promise<KeptSurface | null> {
    let made: KeptSurface | null = null;
    await this.#try(async (source) => {
      made = await source.makeSurface(this.StudyInstanceUID, this.SeriesInstanceUID, wanted);
      this.#take(made);
    });
    this.#watch();
    return made;
  }

  async remove(key: string): Promise<void> {
    await this.#try(async (source) => {
      await source.removeSurface(this.StudyInstanceUID, this.SeriesInstanceUID, key);
      this.kept = this.kept.filter((surface) => surface.key !== key);
    });
  }

  mesh(key: string): Promise<ArrayBuffer> | null {
    return this.source?.surfaceMesh(this.StudyInstanceUID, this.SeriesInstanceUID, key) ?? null;
  }

  async stl(key: string): Promise<ArrayBuffer | null> {
    let stl: ArrayBuffer | null = null;
    await this.#try(async (source) => { stl = await source.surfaceStl(this.StudyInstanceUID, this.SeriesInstanceUID, key); });
    return stl;
  }

  #take(surface: KeptSurface): void {
    const at = this.kept.findIndex(({ key }) => key === surface.key);
    if (at < 0) this.kept = [surface, ...this.kept];
    else this.kept = this.kept.map((item, i) => (i === at ? surface : item));
  }

  async #try(act: (source: SurfaceSource) => Promise<void>, done: KeptSurface | null = null): Promise<void> {
    if (this.source === null || this.#isClosed) return;
    try {
      await act(this.source);
      this.failure = "";
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
    if (!this.#isClosed) this.onChange(done);
  }

  /** Ask again while something is being made. */
  #watch(): void {
    clearTimeout(this.#timer);
    const pending = this.kept.filter(({ state }) => state === "waiting" || state === "running");
    if (pending.length === 0 || this.#isClosed) return;
    this.#timer = window.setTimeout(() => void this.#ask(pending), ASK_EVERY_MS);
  }

  async #ask(pending: readonly KeptSurface[]): Promise<void> {
    for (const { key } of pending) {
      await this.#try(async (source) => {
        const now = await source.surface(this.StudyInstanceUID, this.SeriesInstanceUID, key);
        // It may have been taken off meanwhile.
        if (!this.kept.some((surface) => surface.key === key)) return;
        this.#take(now);
        if (now.state === "done") this.onChange(now);
      });
    }
    this.#watch();
  }
}
