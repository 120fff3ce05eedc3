/** One volume seen from outside: its state, what follows from it, the surfaces that are kept of it. Shared by pane and panel. */
import type { Badge } from "../ground/badges";
import type { StackDescription } from "../ground/transport";
import { dot, plus, scaled, type Vector } from "../mpr/vectors";
import type { MprModel } from "../mpr/model";
import { formatNumber } from "../ground/numbers";
import { stepWords } from "../viewer/extra";
import type { Matter } from "./cast";
import { type Mesh, parsePly } from "./mesh";
import { type Transfer, transferOf, usualLevel, volumePresetOf, type VolumePreset } from "./presets";
import { type ClipBox, defaultVolume, LARGEST_VALUE, LEAST_ZOOM, MOST_ZOOM, readClip, SIDES, type VolumeState } from "./state";
import { type KeptSurface, SurfaceShelf, type SurfaceSource, type Wanted } from "./surfaces";

/** What changed: what is seen, the kept surfaces, or that something is being dragged. */
export type VolumeChange = "view" | "surfaces" | "moving";

/** The faces of a box that may be moved, as [axis, end]. */
export const BOX_FACES = [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]] as const;
/** A box is at least this thick, mm. */
const LEAST_BOX_MM = 1;

export class VolumeModel {
  state: VolumeState = defaultVolume();
  /** The mesh of the kept surface in view. */
  mesh: { key: string; mesh: Mesh } | null = null;
  shelf: SurfaceShelf;
  isMoving = false;
  /** Whether the box's handles are on the picture. */
  showsBox = false;
  readonly #listeners = new Set<(change: VolumeChange) => void>();
  #fetching = "";

  #isClosed = false;

  /**
   * `homeStudy` is the view's own study.
   *
   * `onDone` runs when something was done that nobody waits for: a surface that was asked for is there.
   */
  constructor(
    readonly data: MprModel, state: VolumeState | null, readonly source: SurfaceSource | null, readonly homeStudy: string, readonly onDone: () => void,
  ) {
    if (state !== null) this.state = state;
    this.shelf = this.#newShelf();
  }

  listen(listener: (change: VolumeChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Let go of everything but what was seen last. */
  close(): void {
    this.#isClosed = true;
    this.shelf.close();
    this.mesh = null;
  }

  /** Whether what is seen is of the series of some data. */
  isOf({ StudyInstanceUID, SeriesInstanceUID }: Pick<MprModel, "StudyInstanceUID" | "SeriesInstanceUID">): boolean {
    return this.shelf.SeriesInstanceUID === SeriesInstanceUID && this.shelf.StudyInstanceUID === (StudyInstanceUID || this.homeStudy);
  }

  #say(change: VolumeChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  #newShelf(): SurfaceShelf {
    const { StudyInstanceUID, SeriesInstanceUID } = this.data;
    return new SurfaceShelf(this.source, StudyInstanceUID || this.homeStudy, SeriesInstanceUID, (done) => {
      if (done !== null) {
        this.set({ surface: done.key, mode: "surface" });
        this.onDone();
      } else this.#goToSurface();
      this.#say("surfaces");
    });
  }

  /** The series is another one, which begins from its own beginning, or has other images: surfaces are asked for anew. */
  follow(): void {
    this.mesh = null;
    if (!this.isOf(this.data)) {
      this.shelf.close();
      this.shelf = this.#newShelf();
      this.state = { ...defaultVolume(), mode: this.state.mode };
    }
    if (this.data.stack === null) return; // it is on its way
    void this.shelf.refresh();
    this.#fetch();
  }

  /** Another time is shown: a surface of one that is not it, or not known to be, is of something else. */
  followExtra(): void {
    const { surface } = this.state;
    const kept = this.#kept(surface);
    const isOfAny = kept !== null && (kept.extra_index ?? null) === null;
    if (surface !== null && !isOfAny && kept?.extra_index !== this.data.extraIndex) this.set({ surface: null });
  }

  /** Show the time, echo or b-value that the surface in view is of. */
  #goToSurface(): void {
    const step = this.#kept(this.state.surface)?.extra_index ?? null;
    if (step !== null && step !== this.data.extraIndex) this.data.setExtra(step);
  }

  #kept(surface: string | null): KeptSurface | null {
    return this.shelf.kept.find(({ key }) => key === surface) ?? null;
  }

  // -- what is seen ------------------------------------------------------------------------------

  get stack(): StackDescription | null {
    return this.data.stack;
  }

  get preset(): VolumePreset | null {
    return this.stack === null ? null : volumePresetOf(this.stack, this.state.preset);
  }

  get level(): number {
    return this.state.level ?? (this.stack === null ? 0 : usualLevel(this.stack, this.data.usedWindow));
  }

  get transfer(): Transfer | null {
    const { preset } = this;
    return preset && transferOf(preset, this.state.shift, this.data.usedWindow);
  }

  get matter(): Matter | null {
    const { transfer, data: { volume }, state: { mode } } = this;
    if (transfer === null || volume === null) return null;
    const { slope, intercept } = volume;
    const isRising = slope > 0;
    if (mode === "mip") return { mode, isRising };
    return mode === "volume" ? { mode, transfer, slope, intercept } : { mode, level: (this.level - intercept) / slope, isRising };
  }

  /** The values' usual range: what sliders span. */
  get span(): readonly [number, number] {
    const window_ = this.data.usedWindow;
    if (this.stack?.units === "HU") return [-1000, 2000];
    return window_ === null ? [0, 1] : [window_.center - window_.width, window_.center + window_.width];
  }

  /** All of the volume as a box, mm. */
  get box(): ClipBox {
    const axes: Vector[] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    return axes.map((axis) => this.data.extent(axis)) as unknown as ClipBox;
  }

  /** The box that is drawn. */
  get clip(): ClipBox {
    return this.state.clip_mm ?? this.box;
  }

  /** The place in the middle of the pane. */
  get centre(): Vector {
    const { right, down, pan_mm: [y, x] } = this.state;
    return plus(plus(this.data.centre, scaled(right, x)), scaled(down, y));
  }

  /** mm of a pixel at zoom 1, on so many pixels: the volume fits from every side. */
  fitting(width: number, height: number): number {
    const [x, y, z] = this.box.map(([low, high]) => high - low) as [number, number, number];
    return Math.max(Math.max(x, y) / width, Math.max(y, z) / height, 1e-6) / 0.92;
  }

  /** Of the volume, in words for what is seen from outside. */
  get badges(): Badge[] {
    const badges = this.data.badges.map((badge) => (badge.icon === "gap" && badge.kind === "warn"
      ? { ...badge, text: badge.text.replace("hatched", "left empty"), sentence: badge.sentence.replace("planes are hatched there, nothing is interpolated", "nothing is drawn there") } : badge));
    const surface = this.shown;
    if (surface !== null && surface.shown_step > 1) {
      badges.push({ kind: "info", icon: "warn", text: `Drawn 1 : ${surface.shown_step}`, sentence: `The surface is drawn from every ${formatNumber(surface.shown_step, 0)}th voxel; volume, area and the STL file are of all.` });
    }
    return badges;
  }

  /** The kept surface that is drawn. */
  get shown(): KeptSurface | null {
    const { mode, surface } = this.state;
    return mode === "surface" ? this.#kept(surface) : null;
  }

  /** "echo 2/8, 12.4 ms" of a kept surface; empty where it is of no one volume of several. */
  timeOf({ extra_index = null }: Pick<KeptSurface, "extra_index">): string {
    return extra_index === null || this.stack === null ? "" : (stepWords(this.stack, extra_index) ?? "");
  }

  /** Of which time, echo or b-value the picture is, in words; empty where there is one volume. */
  get extraWords(): string {
    const { shown } = this;
    return shown === null ? (this.data.extraWords ?? "") : this.timeOf(shown);
  }

  // -- what is changed ---------------------------------------------------------------------------

  set(change: Partial<VolumeState>): void {
    const next = { ...this.state, ...change };
    const bounded = (value: number, low: number, high: number): number => (Number.isFinite(value) ? Math.min(Math.max(value, low), high) : low);
    next.zoom = bounded(next.zoom, LEAST_ZOOM, MOST_ZOOM);
    next.shift = Number.isFinite(next.shift) ? bounded(next.shift, -LARGEST_VALUE, LARGEST_VALUE) : 0;
    this.state = next;
    this.#goToSurface();
    this.#fetch();
    this.#say("view");
  }

  setMoving(on: boolean): void {
    if (this.isMoving === on) return;
    this.isMoving = on;
    this.#say("moving");
  }

  lookFrom(side: string): void {
    const found = SIDES.find((item) => item.side === side);
    if (found) this.set({ right: found.right, down: found.down, pan_mm: [0, 0] });
  }

  /** Move one face of the box; it stays within the volume and keeps a thickness. */
  moveFace(axis: 0 | 1 | 2, end: 0 | 1, place_mm: number): void {
    if (!Number.isFinite(place_mm)) return;
    const { box } = this;
    const clip = this.clip.map(([low, high]) => [low, high]) as [number, number][];
    const [low, high] = clip[axis] as [number, number];
    const [least, most] = box[axis];
    (clip[axis] as [number, number])[end] = end === 0 ? Math.max(Math.min(place_mm, high - LEAST_BOX_MM), least) : Math.min(Math.max(place_mm, low + LEAST_BOX_MM), most);
    const isWhole = clip.every((side, i) => Math.abs(side[0] - (box[i] as [number, number])[0]) < 1e-6 && Math.abs(side[1] - (box[i] as [number, number])[1]) < 1e-6);
    this.set({ clip_mm: isWhole ? null : readClip(clip) });
  }

  toggleBox(): void {
    this.showsBox = !this.showsBox;
    this.#say("view");
  }

  /** Put camera and box back, or all. */
  reset(isAll: boolean): void {
    const { mode, preset, shift, level, surface } = this.state;
    this.set(isAll ? { ...defaultVolume(), mode } : { ...defaultVolume(), mode, preset, shift, level, surface });
  }

  /** Shift the preset or, of a surface, its level. */
  shiftBy(amount: number): void {
    const digits = (value: number): number => Number(value.toPrecision(6));
    if (this.state.mode === "surface") this.set({ level: digits(this.level + amount), surface: null });
    else this.set({ shift: digits(this.state.shift + amount) });
  }

  async make(wanted: Wanted): Promise<void> {
    const { shelf } = this;
    const made = await shelf.make(wanted);
    if (made?.state === "done" && shelf === this.shelf && !this.#isClosed) this.set({ surface: made.key, mode: "surface" });
  }

  /** Fetch the mesh of the surface in view, once. */
  #fetch(): void {
    const { surface } = this.state;
    if (surface === null || this.mesh?.key === surface || this.#fetching === surface) {
      if (surface === null) this.mesh = null;
      return;
    }
    const { shelf } = this;
    const coming = shelf.mesh(surface);
    if (coming === null) return;
    this.#fetching = surface;
    const isMeant = (): boolean => !this.#isClosed && shelf === this.shelf;
    coming.then((buffer) => {
      if (!isMeant() || this.state.surface !== surface) return;
      this.mesh = { key: surface, mesh: parsePly(buffer) };
    }).catch((error: unknown) => {
      if (!isMeant()) return;
      this.shelf.failure = error instanceof Error ? error.message : String(error);
      if (this.state.surface === surface) this.set({ surface: null });
      this.#say("surfaces");
    }).finally(() => {
      if (this.#fetching === surface) this.#fetching = "";
      this.#say("view");
    });
  }
}

/** Where the line of sight's screen is: CSS px of a place, from the middle of a pane. */
export function onScreen(place: Vector, centre: Vector, { right, down }: Pick<VolumeState, "right" | "down">, mmPerPixel: number): [number, number] {
  const offset: Vector = [place[0] - centre[0], place[1] - centre[1], place[2] - centre[2]];
  return [dot(offset, right) / mmPerPixel, dot(offset, down) / mmPerPixel];
}
