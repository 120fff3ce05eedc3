/** One view of one series: its state, its frames, and the painting of what is in view. */
import { type ImagePlane, type Probe, valuesAt } from "../ground/plane";
import { type StackDescription, type Transport, TransportError } from "../ground/transport";
import { CanvasSize } from "./canvasSize";
import { Cine, nextRate, USUAL_RATE_HZ } from "./cine";
import { alongExtra, nextOfCine, reachOf } from "./extra";
import { FrameStore, type FrameLimits, DEFAULT_LIMITS, placeOf } from "./frames";
import { coveredBox, mirrored, placementOf, type Placement, proportionsOf, turned, voxelAt, zoomForScale } from "./geometry";
import { colormapOf, lookOf, type StackLook } from "./look";
import type { Memory, Pane, PaneEvents, Telling } from "./pane";
import { extentOf, type Frame, Renderer } from "./renderer";
import { planeOfStack } from "./stackPlane";
import { Stage } from "./stage";
import { defaultState, MAX_ZOOM, MIN_ZOOM, type PaneState, sameState, type Window } from "./state";
import { makeWindow, presetsFor, statedWindow, tableNumber, windowFromPixels } from "./windowing";

const REST_MS = 150;
/** A series that arrives is another one with every instance: it is described again no more often than this. */
const DESCRIBE_EVERY_MS = 1000;

export class Viewer implements Pane {
  readonly kind = "stack";
  readonly stage = new Stage();
  readonly #renderer = new Renderer(this.stage.canvas);
  #state: PaneState;
  #reported: PaneState | null = null;
  #stack: StackDescription | null = null;
  #store: FrameStore | null = null;
  #placement: Placement | null = null;
  /** The frame on the canvas. */
  #shown: { index: number; frame: Frame } | null = null;
  #loading: AbortController | null = null;
  #repaint = 0;
  #restTimer = 0;
  #staleTimer = 0;
  #describedAt = 0;
  #defaultWindow: Window | null = null;
  #windowTurn = 0;
  #defaultLut: number | null = null;
  #paintMs = 0;
  readonly #size = new CanvasSize(this.stage.element, () => this.#paintNow());
  readonly #cine = new Cine(() => this.#playOn(), () => {
    this.stage.cine.show(this.#cine);
    this.events.onChange();
  });

  /** `home` reaches the view's own study; `limits` may be shared with other panes, and change. */
  constructor(
    readonly home: Transport, state: Partial<PaneState> & { SeriesInstanceUID: string },
    readonly events: PaneEvents, readonly limits: FrameLimits = DEFAULT_LIMITS,
  ) {
    this.#state = { ...defaultState(state.SeriesInstanceUID), ...state };
    this.stage.watchRail((index) => this.set({ index }, "not yet"), () => this.tell());
    this.stage.cine.watch((direction) => this.changeRate(direction), () => this.stopCine());
  }

  /** Begin: ask for the stack, and paint whenever the stage's size changes. */
  start(): void {
    this.#size.start();
    void this.#load();
  }

  get element(): HTMLElement {
    return this.stage.element;
  }

  get transport(): Transport {
    const { StudyInstanceUID } = this.#state;
    return StudyInstanceUID === "" ? this.home : (this.home.ofStudy?.(StudyInstanceUID) ?? this.home);
  }

  focus(): void {
    this.stage.element.focus({ preventScroll: true });
  }

  identityBox(): DOMRect {
    return this.stage.identityBox();
  }

  closeNote(): boolean {
    return this.stage.closeSentence();
  }

  /** Pixels of the canvas to a CSS pixel of the stage, as it was last painted. */
  get pixelRatio(): number {
    return this.#size.pixelRatio;
  }

  get state(): Readonly<PaneState> {
    return this.#state;
  }

  get stack(): StackDescription | null {
    return this.#stack;
  }

  get told(): PaneState {
    const colormap = this.#stack === null ? this.#state.colormap : colormapOf(this.#stack, this.#state);
    return { ...this.#state, window: this.window, voi_lut: this.voi_lut, colormap };
  }

  get memory(): Memory | null {
    const store = this.#store;
    if (store === null) return null;
    const { count, total, bytes } = store;
    return { count, total, bytes, isLoading: count < total && store.requestsInFlight > 0 };
  }

  get SOPInstanceUID(): string | null {
    return this.#stack?.frames[this.#state.index ?? 0]?.SOPInstanceUID ?? null;
  }

  /** The frame on the canvas; it lags behind `state.index` while pixels arrive. */
  plane(): ImagePlane | null {
    const [shown, stack, placement] = [this.#shown, this.#stack, this.#placement];
    const description = shown && stack?.frames[shown.index];
    if (!shown || shown.frame.whole || !stack || !placement || !description) return null; // a preview's numbers are none
    return planeOfStack(stack, description, shown.frame, placement, this.#state, this.pixelRatio);
  }

  /** Milliseconds of script that the last painting took. */
  get paintMs(): number {
    return this.#paintMs;
  }

  /** The window in use: the state's, or the series' own, or one from the pixels. */
  get window(): Window | null {
    return this.#state.window ?? this.#defaultWindow;
  }

  /** Which of the series' tables is in use. */
  get voi_lut(): number | null {
    return this.#state.window === null ? this.#defaultLut : this.#state.voi_lut;
  }

  get isPlaying(): boolean {
    return this.#cine.isPlaying;
  }

  // -- changes -------------------------------------------------------------------------------

  /** Change the state from this side. */
  set(change: Partial<PaneState>, telling: Telling = "now"): void {
    const before = this.#state;
    const next = { ...before, ...(change.window === undefined ? {} : { voi_lut: null }), ...change };
    next.zoom = Math.min(Math.max(next.zoom, MIN_ZOOM), MAX_ZOOM);
    if (next.index !== null && this.#stack) next.index = Math.min(Math.max(Math.round(next.index), 0), this.#stack.frames.length - 1);
    this.#state = next;
    if (next.index !== before.index && next.index !== null) {
      this.#store?.want(next.index, next.index >= (before.index ?? 0) ? 1 : -1);
    }
    if (!sameState(next, before)) this.#changed();
    this.#tell(telling);
  }

  /** Take over a state from Python; says nothing back but what Python does not know yet. */
  apply(state: Partial<PaneState>): void {
    const { SeriesInstanceUID, StudyInstanceUID } = { ...this.#state, ...state };
    if (SeriesInstanceUID !== this.#state.SeriesInstanceUID || StudyInstanceUID !== this.#state.StudyInstanceUID) {
      this.open(SeriesInstanceUID, state);
      return;
    }
    this.set({ ...state, index: state.index ?? this.#state.index }, "not yet");
    this.#reported = { ...this.#state };
    this.#tell("rest"); // Python left to us what it says null for
  }

  /** Show another series, from its own beginning. */
  open(SeriesInstanceUID: string, state: Partial<PaneState> = {}): void {
    this.stopCine();
    this.#state = { ...defaultState(SeriesInstanceUID), ...state, SeriesInstanceUID };
    this.#reported = null; // told as soon as it is painted, with what this side chose for it
    this.#changed();
    void this.#load();
  }

  step(count: number, telling: Telling = "rest"): void {
    const { index } = this.#state;
    if (this.#stack === null || index === null) return;
    const [first, last] = reachOf(this.#stack, index);
    this.set({ index: Math.min(Math.max(index + count, first), last) }, telling);
  }

  stepToEnd(end: "first" | "last"): void {
    this.step(end === "first" ? -Number.MAX_SAFE_INTEGER : Number.MAX_SAFE_INTEGER);
  }

  stepExtra(count: number, telling: Telling = "rest"): boolean {
    const { index } = this.#state;
    const next = this.#stack === null || index === null ? null : alongExtra(this.#stack, index, count);
    if (next !== null) this.set({ index: next }, telling);
    return next !== null;
  }

  changeRate(direction: 1 | -1): void {
    this.#cine.rate_hz = nextRate(this.#cine.rate_hz, direction);
  }

  setWindow(window: Window | null, telling: Telling = "now", voi_lut: number | null = null): void {
    if (window !== null && !(Number.isFinite(window.center) && Number.isFinite(window.width) && window.width > 0)) return;
    this.set({ window, voi_lut }, telling);
  }

  /** Apply the preset of a key 1 … 9; false where this series has none. */
  preset(key: string): boolean {
    const preset = this.#stack && presetsFor(this.#stack).find((item) => item.key === key);
    if (!preset) return false;
    this.setWindow(makeWindow(preset.center, preset.width));
    return true;
  }

  /** Take a window from the pixels of the frame in view. */
  autoWindow(): void {
    const frame = this.#shown?.frame;
    if (frame && frame.channels === 1 && !frame.whole) this.setWindow(windowFromPixels(frame.stored, frame.slope, frame.intercept));
  }

  /** Take the next of the windows that the series states. */
  cycleWindows(): string | null {
    const windows = this.#stack?.windows ?? [];
    const place = this.#windowTurn % Math.max(windows.length, 1);
    const next = windows[place];
    if (next === undefined) return null;
    this.#windowTurn += 1;
    this.setWindow(statedWindow(next), "now", tableNumber(windows, place));
    return next.name;
  }

  invert(): void {
    this.set({ inverted: !this.#state.inverted });
  }

  turn(clockwise: boolean): void {
    this.set(turned(this.#state, clockwise));
  }

  mirror(direction: "horizontal" | "vertical"): void {
    this.set(mirrored(this.#state, direction));
  }

  fit(): void {
    this.set({ zoom: 1, pan: [0, 0] });
  }

  reset(): void {
    this.#windowTurn = 0;
    this.set({ window: this.#defaultWindow, voi_lut: this.#defaultLut, inverted: false, colormap: null, zoom: 1, pan: [0, 0], rotation_deg: 0, flipped: false });
  }

  /** Zoom by a factor and keep the voxel under a point (device px of the canvas; its centre without one) in place. */
  zoomBy(factor: number, telling: Telling = "rest", point?: [number, number]): void {
    this.zoomTo(this.#state.zoom * factor, telling, point);
  }

  zoomTo(zoom: number, telling: Telling = "now", point?: [number, number]): void {
    const shape = this.#shape();
    const bounded = Math.min(Math.max(zoom, MIN_ZOOM), MAX_ZOOM);
    if (shape === null || this.#placement === null || point === undefined) {
      this.set({ zoom: bounded }, telling);
      return;
    }
    const before = voxelAt(...point, this.#placement, this.#state, shape);
    const after = voxelAt(...point, this.#place({ ...this.#state, zoom: bounded }, shape), this.#state, shape);
    const [row, column] = this.#state.pan;
    this.set({ zoom: bounded, pan: [row + before[1] - after[1], column + before[0] - after[0]] }, telling);
  }

  /** Show one voxel column on so many device pixels: 1 is the values themselves. */
  setScale(pixels: number): void {
    const shape = this.#shape();
    if (shape === null || this.#stack === null) return;
    const { width, height } = this.#size;
    this.set({ zoom: zoomForScale(pixels, this.#state, shape, proportionsOf(this.#stack), width, height) });
  }

  /** Move the image by CSS pixels on the screen. */
  panBy(dx: number, dy: number, telling: Telling): void {
    const shape = this.#shape();
    if (shape === null || this.#placement === null) return;
    const from = voxelAt(0, 0, this.#placement, this.#state, shape);
    const to = voxelAt(dx * this.pixelRatio, dy * this.pixelRatio, this.#placement, this.#state, shape);
    const [row, column] = this.#state.pan;
    this.set({ pan: [row - to[1] + from[1], column - to[0] + from[0]] }, telling);
  }

  toggleCine(): void {
    if (this.isPlaying) this.stopCine();
    else if (this.#stack && this.#stack.frames.length > 1) this.#cine.start();
  }

  #playOn(): boolean {
    if (this.#stack === null) return false;
    const next = nextOfCine(this.#stack, this.#state.index ?? 0);
    const isHere = this.#store?.has(next) ?? false;
    if (isHere) this.set({ index: next }, "not yet");
    else this.#store?.want(next, 1);
    this.stage.cine.show(this.#cine);
    return isHere;
  }

  stopCine(): void {
    if (!this.isPlaying) return;
    this.#cine.stop();
    this.#tell("now");
  }

  probe(x: number, y: number): Probe | null {
    const plane = this.plane();
    if (plane === null) return null;
    const [column, row] = plane.toVoxel(x, y);
    const values = valuesAt(plane.values(), column, row);
    return values && {
      values, units: plane.units, voxel: [Math.round(column), Math.round(row), this.#shown?.index ?? 0], patient_mm: plane.toPatient(x, y),
    };
  }

  /** Tell Python now what it has not been told. */
  tell(): void {
    this.#tell("now");
  }

  close(): void {
    this.stopCine();
    this.#loading?.abort();
    this.#store?.close();
    this.#size.close();
    cancelAnimationFrame(this.#repaint);
    clearTimeout(this.#restTimer);
    clearTimeout(this.#staleTimer);
  }

  // -- loading -------------------------------------------------------------------------------

  async #load(): Promise<void> {
    this.#loading?.abort();
    this.#store?.close();
    clearTimeout(this.#staleTimer);
    [this.#stack, this.#store, this.#shown, this.#defaultWindow, this.#windowTurn] = [null, null, null, null, 0];
    this.stage.notice(null);
    this.stage.clear();
    this.#placement = null;
    this.events.onStack(null);
    this.invalidate();
    if (this.#state.SeriesInstanceUID === "") {
      this.stage.notice("No series", "Choose one on the left.");
      return;
    }
    await this.#describe();
  }

  /** Ask what the series is by now. What is shown and what is in memory stay where they are part of it. */
  async #describe(): Promise<void> {
    this.#loading?.abort();
    clearTimeout(this.#staleTimer);
    const loading = new AbortController();
    this.#loading = loading;
    this.#describedAt = performance.now();
    try {
      const stack = await this.transport.stack(this.#state.SeriesInstanceUID, loading.signal);
      if (!loading.signal.aborted) this.#begin(stack);
    } catch (error) {
      if (loading.signal.aborted) return;
      this.#store?.close();
      this.#store = null;
      const hasNothing = error instanceof TransportError && error.status === 422;
      if (hasNothing) {
        this.stage.notice("No image to show", messageOf(error));
        this.#report();
      } else this.stage.notice("This series could not be opened", messageOf(error), () => void this.#load());
    }
  }

  #begin(stack: StackDescription): void {
    const [before, store] = [this.#stack, this.#store];
    this.#stack = stack;
    if (before === null) {
      const [first] = stack.windows;
      if (first) this.#defaultWindow = statedWindow(first);
      this.#defaultLut = tableNumber(stack.windows, 0);
      this.#cine.rate_hz = stack.rate_hz ?? USUAL_RATE_HZ;
      this.#windowTurn = first ? 1 : 0;
    } else {
      this.#follow(before, stack);
    }
    this.events.onStack(stack);
    this.stage.describe(stack);
    if (stack.frames.length === 0) {
      store?.close();
      this.#store = null;
      this.stage.notice("No pixels", stack.badges[0]?.sentence ?? "This series holds no images; its elements are under Tags.");
      this.#report();
      return;
    }
    this.#store = new FrameStore(stack, this.transport, {
      onLanded: (from, count) => this.#onLanded(from, count),
      onFailed: (index) => this.#onFailed(index),
      onStale: () => this.#onStale(),
    }, this.limits);
    if (store !== null) {
      this.#store.adopt(store);
      store.close();
    }
    const index = Math.min(Math.max(this.#state.index ?? Math.floor(stack.frames.length / 2), 0), stack.frames.length - 1);
    this.#state = { ...this.#state, index };
    this.#store.want(index, 1);
    this.#changed();
    this.events.onMemory();
    if (before !== null) this.#tell("rest");
  }

  /** Stay with the image in view: frames that came before it have moved it on. */
  #follow(before: StackDescription, stack: StackDescription): void {
    const placeNow = (index: number | null): number | null => {
      const frame = index === null ? undefined : before.frames[index];
      return frame === undefined ? null : placeOf(frame, stack.frames);
    };
    this.#state = { ...this.#state, index: placeNow(this.#state.index) ?? this.#state.index };
    const shownIndex = placeNow(this.#shown?.index ?? null);
    this.#shown = this.#shown && shownIndex !== null ? { ...this.#shown, index: shownIndex } : null;
  }

  #onStale(): void {
    const wait_ms = Math.max(this.#describedAt + DESCRIBE_EVERY_MS - performance.now(), 0);
    clearTimeout(this.#staleTimer);
    this.#staleTimer = window.setTimeout(() => void this.#describe(), wait_ms);
  }

  #onLanded(first: number, count: number): void {
    const index = this.#state.index ?? 0;
    if (index >= first && index < first + count) this.invalidate();
    this.events.onMemory();
  }

  #onFailed(index: number): void {
    if (index === this.#state.index) this.invalidate();
    this.events.onMemory();
  }

  // -- telling and painting -------------------------------------------------------------------

  #tell(telling: Telling): void {
    if (telling === "not yet") return;
    clearTimeout(this.#restTimer);
    if (telling === "rest") {
      this.#restTimer = window.setTimeout(() => this.#tell("now"), REST_MS);
      return;
    }
    if (this.#stack !== null) this.#report();
  }

  #report(): void {
    const state = this.told;
    if (this.#reported !== null && sameState(state, this.#reported)) return;
    this.#reported = state;
    this.events.onReport();
  }

  #changed(): void {
    this.invalidate();
    this.events.onChange();
  }

  /** Paint at the next frame of the screen. */
  invalidate(): void {
    if (this.#repaint === 0) this.#repaint = requestAnimationFrame(() => {
      this.#repaint = 0;
      this.#paint();
    });
  }

  #paintNow(): void {
    if (this.#repaint !== 0) cancelAnimationFrame(this.#repaint);
    this.#repaint = 0;
    this.#paint();
  }

  #shape(): { rows: number; columns: number } | null {
    return (this.#shown && extentOf(this.#shown.frame)) ?? this.#stack?.frames[this.#state.index ?? 0] ?? null;
  }

  #place(state: PaneState, shape: { rows: number; columns: number }): Placement {
    return placementOf(state, shape, this.#stack && proportionsOf(this.#stack), this.#size.width, this.#size.height);
  }

  #paint(): void {
    const { width, height } = this.#size;
    if (width === 0 || height === 0) return;
    const [stack, store, index] = [this.#stack, this.#store, this.#state.index];
    const frame = index === null ? null : (store?.frame(index) ?? store?.preview(index) ?? null);
    if (frame !== null && index !== null) this.#shown = { index, frame };
    this.#noticeFailure();
    if (this.#shown === null || stack === null) {
      this.#renderer.clear(width, height);
      return;
    }
    const isPreview = this.#shown.frame.whole !== undefined;
    if (!isPreview) this.#defaultWindow ??= this.#windowOf(this.#shown.frame);
    this.#placement = this.#place(this.#state, extentOf(this.#shown.frame));
    const look = lookOf(stack, this.told);
    this.#paintMs = this.#renderer.draw(this.#shown.frame, this.#placement, this.#state, look);
    this.stage.element.dataset[isPreview ? "preview" : "shown"] = String(this.#shown.index);
    this.#caption(stack, look);
    this.stage.inkFor(look.isWhite, coveredBox(this.#placement, this.#state, extentOf(this.#shown.frame), this.pixelRatio));
    if (this.#reported === null && frame !== null && !isPreview) this.#tell("now");
    this.events.onPainted();
  }

  #windowOf(frame: Frame): Window | null {
    return frame.channels === 3 ? null : windowFromPixels(frame.stored, frame.slope, frame.intercept);
  }

  #noticeFailure(): void {
    const index = this.#state.index;
    const failure = index === null ? null : (this.#store?.failure(index) ?? null);
    if (failure !== null && index !== null) {
      this.#shown = null;
      this.stage.notice(`Image ${index + 1} could not be shown`, failure, () => void this.#describe());
    } else if (this.#store !== null) {
      this.stage.notice(null);
    }
  }

  #caption(stack: StackDescription, look: StackLook): void {
    const index = this.#state.index ?? 0;
    if (this.#placement === null) return;
    this.stage.caption({ stack, index, window: this.window, look: this.#shown?.frame.channels === 3 ? null : look, placement: this.#placement, turn: this.#state, dpr: this.pixelRatio });
    this.stage.drawRail(stack, index, this.#size.height / this.pixelRatio);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
