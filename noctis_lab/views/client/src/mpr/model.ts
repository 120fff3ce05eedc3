/** Where the three planes lie: one crosshair, a frame and a slab for each plane, one window for all; and their volume. */
import type { Badge } from "../ground/badges";
import { messageOf, type StackDescription, type Transport, TransportError } from "../ground/transport";
import type { Colormap } from "../viewer/colormaps";
import { Describing } from "../viewer/describing";
import type { FrameStore } from "../viewer/frames";
import type { Window } from "../viewer/state";
import { statedWindow, windowFromPixels } from "../viewer/windowing";
import { extraPlaceOf, stepsOf, stepWords } from "../viewer/extra";
import { centreOf, cornersOf, geometryOf, indexAt, isRefusal, onSliceOf, placeAt, type Refusal } from "./geometry";
import { KeptVolumes } from "./kept";
import { firstShown, type RefusedStep, stepsOnward } from "./steps";
import { boundedSlab, samplingAlong, type Projection } from "./slab";
import { cross, dot, minus, orthonormal, plus, rotated, scaled, type Vector } from "./vectors";
import { Volume, VOLUME_BYTES, VolumeLoader } from "./volume";

export type PlaneName = "axial" | "coronal" | "sagittal";
export const PLANE_NAMES: readonly PlaneName[] = ["axial", "coronal", "sagittal"];

/** How one plane lies: it passes through the crosshair. */
export interface PlaneFrame {
  /** Unit vectors, patient LPS: to the right and down on the screen. */
  right: Vector;
  down: Vector;
  /** Thickness of what is projected; 0: the plane alone. */
  slab_mm: number;
  projection: Projection;
}

/** What Python and an address know of the planes; no pixels. */
export interface MprState {
  crosshair_mm: Vector;
  planes: Record<PlaneName, PlaneFrame>;
  /** Which time, echo or b-value, from 0, of a series with several. */
  extra_index?: number;
}

/** PS3.17 A.3: of a patient who is looked at from the feet, from the front, from the left. */
export const ORTHOGONAL: Readonly<Record<PlaneName, Pick<PlaneFrame, "right" | "down">>> = {
  axial: { right: [1, 0, 0], down: [0, 1, 0] },
  coronal: { right: [1, 0, 0], down: [0, 0, -1] },
  sagittal: { right: [0, 1, 0], down: [0, 0, -1] },
};

const defaultPlanes = (): Record<PlaneName, PlaneFrame> => {
  const frame = (name: PlaneName): PlaneFrame => ({ ...ORTHOGONAL[name], slab_mm: 0, projection: "max" });
  return { axial: frame("axial"), coronal: frame("coronal"), sagittal: frame("sagittal") };
};

export const normalOf = ({ right, down }: Pick<PlaneFrame, "right" | "down">): Vector => cross(right, down);

/** Return by how many degrees a plane leans from its orthogonal one. */
export function obliquity(name: PlaneName, frame: Pick<PlaneFrame, "right" | "down">): number {
  const cos = Math.min(1, Math.abs(dot(normalOf(frame), normalOf(ORTHOGONAL[name]))));
  return (Math.acos(cos) * 180) / Math.PI;
}

/** "extra": another time, echo or b-value of the same series. */
export type Change = "volume" | "extra" | "planes" | "window" | "view" | "landed" | "missing";

/** A series by its study; the view's own study is the empty one. */
interface SeriesPlace {
  StudyInstanceUID?: string;
  SeriesInstanceUID: string;
}

/** What is in memory of a series. */
interface Known {
  stack: StackDescription;
  store: FrameStore | null;
  /** The frame in view, by which the crosshair begins; null: nothing in view says where. */
  index: number | null;
}

/** Shared by the plane panes of one series. */
export class MprModel {
  stack: StackDescription | null = null;
  volume: Volume | null = null;
  /** Why there are no planes. */
  refusal: Refusal | null = null;
  /** What went wrong, with a way to try again. */
  failure: string | null = null;
  crosshair: Vector = [0, 0, 0];
  planes = defaultPlanes();
  /** null: the first window that the series states, or one from the pixels. */
  window: Window | null = null;
  inverted = false;
  /** null: that in which the modality is usually read. */
  colormap: Colormap | null = null;
  zoom = 1;
  /** Handles or the crosshair are being dragged: oblique planes and slabs may be drawn coarser. */
  isDragging = false;
  /** Which of several volumes at the same places, from 0; and which was asked for last and is none. */
  extraIndex = 0;
  refusedStep: RefusedStep | null = null;
  readonly #others = new KeptVolumes();
  /** A store that others keep of the series: what it holds need not be fetched. */
  #beside: FrameStore | null = null;
  #loader: VolumeLoader | null = null;
  #wanted: MprState | null;
  #isAsked = false;
  readonly #describing = new Describing({ onDescribed: (stack) => this.#begin(stack), onFailed: (error) => this.#onUndescribed(error) });
  readonly #listeners = new Set<(change: Change, slices: readonly number[]) => void>();
  readonly #needs = new Map<object, number>();
  /** Counts how often planes were put back. */
  resets = 0;
  #pixelWindow: Window | null = null;
  #isClosed = false;

  /** `home` reaches the view's own study; `known` is what is in memory of the series, and which of its frames is in view. */
  constructor(
    readonly home: Transport, public SeriesInstanceUID: string, state: MprState | null = null,
    private known: Known | null = null, public StudyInstanceUID = "",
  ) {
    this.#wanted = state;
  }

  get transport(): Transport {
    return this.StudyInstanceUID === "" ? this.home : (this.home.ofStudy?.(this.StudyInstanceUID) ?? this.home);
  }

  /** Whether these are planes of a series. */
  isOf({ StudyInstanceUID = "", SeriesInstanceUID }: SeriesPlace): boolean {
    return SeriesInstanceUID === this.SeriesInstanceUID && StudyInstanceUID === this.StudyInstanceUID;
  }

  get state(): MprState {
    return { crosshair_mm: this.crosshair, planes: this.planes, extra_index: this.extraIndex };
  }

  get loader(): VolumeLoader | null {
    return this.#loader;
  }

  /** What of the bytes that all panes share it may come to take. */
  get claimedBytes(): number {
    return Math.min((this.volume?.claimedBytes ?? 0) * this.extraSize, Math.max(VOLUME_BYTES, this.volume?.claimedBytes ?? 0));
  }

  get badges(): Badge[] {
    const series = (this.stack?.badges ?? []).filter((badge) => badge.kind !== "pass");
    const own = this.volume?.badges ?? [];
    // What the volume says of tilt and gaps says what is done about it, too.
    return [...series.filter((badge) => !own.some((other) => other.icon === badge.icon)), ...own];
  }

  get defaultWindow(): Window | null {
    const [first] = this.stack?.windows ?? [];
    return first ? statedWindow(first) : null;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The window in use, whoever chose it. */
  get usedWindow(): Window | null {
    return this.window ?? this.defaultWindow ?? this.#pixelWindow;
  }

  /** Where nothing states a window, take one from the slice nearest to the middle that is here. */
  findWindow(): void {
    const { volume } = this;
    if (volume === null || this.usedWindow !== null) return;
    const middle = volume.slices.length >> 1;
    const here = volume.slices.flatMap((stored, k) => (stored === null ? [] : [{ stored, away: Math.abs(k - middle) }])).sort((a, b) => a.away - b.away)[0];
    if (here !== undefined) this.#pixelWindow = windowFromPixels(here.stored, volume.slope, volume.intercept);
  }

  /** Hear of changes; returns how to stop. */
  listen(listener: (change: Change, slices: readonly number[]) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  /** Show another series in all planes, from its own beginning. */
  open(place: SeriesPlace): void {
    if (this.isOf(place)) return;
    [this.SeriesInstanceUID, this.StudyInstanceUID] = [place.SeriesInstanceUID, place.StudyInstanceUID ?? ""];
    this.#loader?.close();
    [this.#loader, this.stack, this.volume, this.refusal, this.window, this.#pixelWindow] = [null, null, null, null, null, null];
    [this.#wanted, this.known, this.#beside, this.extraIndex, this.refusedStep] = [null, null, null, 0, null];
    this.#others.clear();
    [this.planes, this.zoom, this.inverted, this.colormap] = [defaultPlanes(), 1, false, null];
    this.resets += 1;
    this.#say("volume");
    void this.reload();
  }

  /** Fetch the volume. */
  async load(): Promise<void> {
    if (this.#isAsked) return;
    this.#isAsked = true;
    if (this.known !== null) this.#begin(this.known.stack);
    else await this.reload();
  }

  /** Ask what the series is by now. */
  async reload(): Promise<void> {
    this.#isAsked = true;
    this.failure = null;
    await this.#describing.ask(this.transport, this.SeriesInstanceUID);
  }

  /** Ask again for slices that could not be had. */
  retry(): void {
    if (this.failure !== null) void this.reload();
    else this.#loader?.retry();
  }

  /** What could not be had: frames of the stack in its order, and why, in words for people; null: nothing is missing. */
  get missing(): { frames: readonly number[]; message: string } | null {
    const { volume, failure } = this;
    if (volume !== null && failure !== null) return { frames: [], message: failure };
    if (volume === null || volume.failed.size === 0) return null;
    const frames = [...volume.failed].map((slice) => volume.full.frames[slice] as number).sort((a, b) => a - b);
    return { frames, message: this.#loader?.message ?? "" };
  }

  #onUndescribed(error: unknown): void {
    if (error instanceof TransportError && error.status === 422) this.refusal = { title: "No image to show", sentence: error.message };
    else this.failure = messageOf(error);
    this.#say("volume");
  }

  /** Begin with a description, or go on with a later one: what is in memory of the series is not asked for again. */
  #begin(stack: StackDescription): void {
    const [before, loader] = [this.volume, this.#loader];
    [this.stack, this.refusedStep] = [stack, null];
    if (before === null) this.extraIndex = this.#firstExtra();
    this.extraIndex = Math.min(this.extraIndex, this.extraSize - 1);
    this.#others.clear(); // of the series as it was
    this.#beside = this.known?.store ?? this.#beside;
    const geometry = geometryOf(stack, this.extraIndex);
    this.refusal = isRefusal(geometry) ? geometry : null;
    this.volume = isRefusal(geometry) ? null : new Volume(stack, geometry);
    this.#loader = null;
    if (this.volume !== null && !isRefusal(geometry)) {
      if (before === null) this.crosshair = placeAt(geometry, (geometry.columns - 1) / 2, (geometry.rows - 1) / 2, Math.floor((geometry.frames.length - 1) / 2));
      else this.volume.adopt(before);
      if (this.#wanted !== null) this.restore({ ...this.#wanted, extra_index: this.extraIndex }); // said or shown: it was chosen above
      this.#wanted = null;
      const inView = stack.frames[this.known?.index ?? -1]?.position_mm ?? null;
      if (before === null && inView !== null) this.crosshair = onSliceOf(geometry, this.crosshair, inView);
      this.#loader = this.#fetch(this.volume, loader?.store ?? this.#beside);
      this.known = null; // its frames are the volume's now
    }
    loader?.close();
    this.#say("volume");
  }

  #fetch(volume: Volume, known: FrameStore | null): VolumeLoader {
    const loader = new VolumeLoader(volume, this.transport, {
      onLanded: (slices) => this.#say("landed", slices),
      onMissing: () => this.#say("missing"),
      onStale: () => this.#describing.later(() => void this.reload()),
    }, known);
    loader.start(Math.round(indexAt(volume.full, this.crosshair)[2]));
    return loader;
  }

  // -- along time, echoes, b-values --------------------------------------------------------------

  /** How many volumes lie at the same places. */
  get extraSize(): number {
    return this.stack === null ? 1 : stepsOf(this.stack);
  }

  /** "echo 2/8, 12.4 ms", or null where there is one volume. */
  get extraWords(): string | null {
    return this.stack === null ? null : stepWords(this.stack, this.extraIndex);
  }

  /** That of the image in view, or of the state that is wanted. */
  #firstExtra(): number {
    const { stack, known } = this;
    const place = stack === null || known === null || known.index === null ? null : extraPlaceOf(stack, known.index);
    return place?.at ?? this.#wanted?.extra_index ?? 0;
  }

  /** Show the volume of another time, echo or b-value, within those that there are; false where there is one. */
  setExtra(index: number): boolean {
    const next = Math.min(Math.max(Math.round(index), 0), this.extraSize - 1);
    return Number.isFinite(next) && this.#showFirst([next]);
  }

  /** Go along them, past such as form no volume. */
  stepExtra(count: number): boolean {
    return this.#showFirst(stepsOnward(this.extraIndex, count, this.extraSize));
  }

  #showFirst(wanted: readonly number[]): boolean {
    const { stack, volume } = this;
    if (stack === null || volume === null || this.extraSize < 2) return false;
    const { found, refused } = firstShown(stack, wanted.filter((step) => step !== this.extraIndex));
    const isSaidAnew = refused !== this.refusedStep;
    this.refusedStep = refused;
    if (found === null) {
      if (isSaidAnew) this.#say("missing");
      return true;
    }
    const kept = this.#others.exchange(this.extraIndex, volume, found.step, VOLUME_BYTES - volume.claimedBytes);
    this.#loader?.close();
    this.extraIndex = found.step;
    this.volume = kept ?? new Volume(stack, found.geometry);
    this.crosshair = this.#bounded(this.crosshair); // where it begins to fetch
    this.#loader = this.#fetch(this.volume, this.#beside);
    this.#say("extra");
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#others.clear();
    this.#beside = null;
    this.isDragging = false;
    this.#describing.cancel();
    this.#loader?.close();
    this.#loader = null;
    this.volume = null;
  }

  #say(change: Change, slices: readonly number[] = []): void {
    if (!this.#isClosed) for (const listener of [...this.#listeners]) listener(change, slices);
  }

  // -- the planes -------------------------------------------------------------------------------

  /** Take over a state; a frame that is none is left out. */
  restore(state: MprState): void {
    if (this.volume === null) {
      this.#wanted = state;
      if (this.known !== null) this.known = { ...this.known, index: null }; // what is said counts, not what is in view
      return;
    }
    this.crosshair = this.#bounded(state.crosshair_mm);
    const planes = { ...this.planes };
    for (const name of PLANE_NAMES) {
      const frame = orthonormal(state.planes[name]);
      if (frame !== null) planes[name] = { ...state.planes[name], ...frame, slab_mm: boundedSlab(state.planes[name].slab_mm) };
    }
    this.planes = planes;
    this.setExtra(state.extra_index ?? this.extraIndex);
    this.#say("planes");
  }

  /** Move the crosshair; it stays in the volume. */
  moveTo(place: Vector): void {
    const next = this.#bounded(place);
    if (next.every((part, i) => part === this.crosshair[i])) return;
    this.crosshair = next;
    this.#say("planes");
  }

  /** Move a plane along its normal: to the next slice where it is one of the slices, else by a voxel. */
  step(name: PlaneName, count: number): void {
    const { volume } = this;
    if (volume === null) return;
    const normal = normalOf(this.planes[name]);
    const { geometry } = volume;
    const along = dot(normal, geometry.normal);
    if (Math.abs(along) > 1 - 1e-9) {
      const [, , slice] = indexAt(geometry, this.crosshair);
      const sign = along > 0 ? 1 : -1;
      const next = Math.min(Math.max(Math.round(slice) + sign * count, 0), geometry.frames.length - 1);
      const height = (geometry.heights_mm[next] as number) - dot(this.crosshair, geometry.normal);
      this.moveTo(plus(this.crosshair, scaled(geometry.normal, height)));
      return;
    }
    this.moveTo(plus(this.crosshair, scaled(normal, count * samplingAlong(volume, normal))));
  }

  /** Move a plane to the last place that `step` reaches: a slice where it is one of the slices, else where it still meets the volume. */
  stepToEnd(name: PlaneName, end: "first" | "last"): void {
    const { volume } = this;
    if (volume === null) return;
    const sign = end === "last" ? 1 : -1;
    const normal = normalOf(this.planes[name]);
    if (Math.abs(dot(normal, volume.geometry.normal)) > 1 - 1e-9) {
      this.step(name, sign * volume.slices.length);
      return;
    }
    const [low, high] = this.extent(normal);
    this.moveTo(plus(this.crosshair, scaled(normal, (sign > 0 ? high : low) - dot(this.crosshair, normal))));
  }

  /** Turn a plane about an axis through the crosshair. */
  turn(name: PlaneName, axis: Vector, angle_rad: number): void {
    const frame = this.planes[name];
    const turned = orthonormal({ right: rotated(frame.right, axis, angle_rad), down: rotated(frame.down, axis, angle_rad) });
    if (turned === null) return;
    this.planes = { ...this.planes, [name]: { ...frame, ...turned } };
    this.#say("planes");
  }

  /** Let the plane that lies nearest to a wanted one lie as it: through a place of it where the crosshair cannot stay beside. */
  lookAt(wanted: PlaneFrame, place: Vector, extra_index = this.extraIndex): void {
    const lie = orthonormal(wanted);
    if (lie === null || this.volume === null) return;
    this.setExtra(extra_index);
    const normal = normalOf(lie);
    const alike = (name: PlaneName): number => Math.abs(dot(normalOf(this.planes[name]), normal));
    const name = PLANE_NAMES.reduce((best, other) => (alike(other) > alike(best) + 1e-9 ? other : best));
    const { slab_mm, projection } = wanted;
    const slab = slab_mm > 0 ? { slab_mm: boundedSlab(slab_mm), projection } : { slab_mm: 0 };
    this.planes = { ...this.planes, [name]: { ...this.planes[name], ...slab, ...(alike(name) > 1 - 1e-9 ? {} : lie) } };
    const across = plus(this.crosshair, scaled(normal, dot(minus(place, this.crosshair), normal)));
    // Where the way along the normal leaves the volume, the place itself does not.
    const bounded = this.#bounded(across);
    this.crosshair = bounded.every((part, i) => part === across[i]) ? across : this.#bounded(place);
    this.#say("planes");
  }

  setPlane(name: PlaneName, change: Partial<PlaneFrame>): void {
    const next = { ...this.planes[name], ...change };
    this.planes = { ...this.planes, [name]: { ...next, slab_mm: boundedSlab(next.slab_mm) } };
    this.#say("planes");
  }

  /** Put the planes back: orthogonal, thin, through the middle. */
  resetPlanes(): void {
    this.planes = defaultPlanes();
    this.resets += 1;
    if (this.volume !== null) {
      const { full } = this.volume;
      this.crosshair = placeAt(full, (full.columns - 1) / 2, (full.rows - 1) / 2, Math.floor((full.frames.length - 1) / 2));
    }
    this.#say("planes");
  }

  get isOrthogonal(): boolean {
    return PLANE_NAMES.every((name) => obliquity(name, this.planes[name]) < 1e-6);
  }

  setDragging(on: boolean): void {
    if (this.isDragging === on) return;
    this.isDragging = on;
    if (!on) this.#say("planes");
  }

  setWindow(window: Window | null): void {
    this.window = window;
    this.#say("window");
  }

  setInverted(inverted: boolean): void {
    this.inverted = inverted;
    this.#say("window");
  }

  setColormap(colormap: Colormap | null): void {
    this.colormap = colormap;
    this.#say("window");
  }

  setZoom(zoom: number): void {
    if (zoom === this.zoom) return;
    this.zoom = zoom;
    this.#say("view");
  }

  /** One scale for all planes: the one at which the pane that needs most fits; `mmPerPixel` null: the pane is not seen. */
  need(pane: object, mmPerPixel: number | null): void {
    const before = this.fitting;
    if (mmPerPixel === null) this.#needs.delete(pane);
    else this.#needs.set(pane, mmPerPixel);
    if (this.fitting !== before) this.#say("view");
  }

  /** mm of a pixel of the canvas at zoom 1. */
  get fitting(): number {
    return this.#needs.size === 0 ? 1 : Math.max(...this.#needs.values());
  }

  /** Middle of the volume: where panes are centred that are not panned. */
  get centre(): Vector {
    return this.volume === null ? [0, 0, 0] : centreOf(this.volume.full);
  }

  /** Extent of the volume along a direction, mm. */
  extent(direction: Vector): [number, number] {
    if (this.volume === null) return [0, 1];
    const along = cornersOf(this.volume.full).map((corner) => dot(corner, direction));
    return [Math.min(...along), Math.max(...along)];
  }

  #bounded(place: Vector): Vector {
    if (this.volume === null) return place;
    const { full } = this.volume;
    const index = indexAt(full, place);
    const last = [full.columns - 1, full.rows - 1, full.frames.length - 1];
    const inside = index.map((part, axis) => Math.min(Math.max(part, 0), last[axis] as number)) as [number, number, number];
    return inside.every((part, axis) => part === index[axis]) ? place : placeAt(full, ...inside);
  }
}
