/** One view of one series: its state, its frames, and the painting of what is in view. */
import { type ImagePlane, type PlaneGeometry, positionOn, type Probe, valuesAt, type Vector, voxelOn } from "../ground/plane";
import type { BadgeNotes } from "../ground/badgeNotes";
import { messageOf, type StackDescription, type Transport, TransportError } from "../ground/transport";
import { CanvasSize } from "./canvasSize";
import { Cine, nextRate, USUAL_RATE_HZ } from "./cine";
import { Describing } from "./describing";
import { alongExtra, extraPlaceOf, indicesOf, nextOfCine, reachOf } from "./extra";
import { FrameStore, type FrameLimits, DEFAULT_LIMITS, indexAfter } from "./frames";
import { coveredBox, mirrored, panTo, type Placement, turned } from "./geometry";
import { nearestFrame, type ReferenceLine } from "./linking";
import { colormapOf, lookOf, type StackLook } from "./look";
import type { Memory, Pane, PaneEvents, Telling } from "./pane";
import { OwnWindows } from "./ownWindows";
import { extentOf, Renderer } from "./renderer";
import { StackPlace } from "./stackPlace";
import { geometryOf, type ShownFrame, ShownPlane, shownAfter } from "./stackPlane";
import { Stage } from "./stage";
import { defaultState, MAX_ZOOM, MIN_ZOOM, type PaneState, sameState, type Window } from "./state";
import { Teller } from "./teller";
import { makeWindow, presetsFor, windowOfFrame } from "./windowing";

export class Viewer implements Pane {
  readonly kind = "stack";
  readonly stage = new Stage();
  readonly #renderer = new Renderer(this.stage.canvas);
  #state: PaneState;
  #stack: StackDescription | null = null;
  #store: FrameStore | null = null;
  readonly #plane = new ShownPlane();
  /** The frame on the canvas. */
  #shown: ShownFrame | null = null;
  #repaint = 0;
  readonly #own = new OwnWindows();
  #paintMs = 0;
  readonly #size = new CanvasSize(this.stage.element, () => this.#paintNow());
  readonly #place = new StackPlace(() => ({ state: this.#state, stack: this.#stack, shown: this.#shown }), this.#size);
  readonly #teller = new Teller(() => this.told, () => this.#stack !== null, () => this.events.onReport());
  readonly #describing = new Describing({ onDescribed: (stack) => this.#begin(stack), onFailed: (error) => this.#onUndescribed(error) });
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
    this.#load();
  }

  fitMemory(): void {
    this.#store?.fit();
    this.events.onMemory();
  }

  get element(): HTMLElement {
    return this.stage.element;
  }

  get badges(): BadgeNotes {
    return this.stage.notes;
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
    return this.stage.closeNote();
  }

  /** Pixels of the canvas to a CSS pixel of the stage, as it was last painted. */
  get pixelRatio(): number {
    return this.#size.pixelRatio;
  }

  get cssSize(): [number, number] {
    return [this.#size.width / this.pixelRatio, this.#size.height / this.pixelRatio];
  }

  get extraIndex(): number | null {
    return this.#stack && (extraPlaceOf(this.#stack, this.#state.index ?? -1)?.at ?? null);
  }

  get state(): Readonly<PaneState> {
    return this.#state;
  }

  /** What is in memory of the series; planes begin with it. */
  get store(): FrameStore | null {
    return this.#store;
  }

  get stack(): StackDescription | null {
    return this.#stack;
  }

  get told(): PaneState {
    const colormap = this.#stack === null ? this.#state.colormap : colormapOf(this.#stack, this.#state);
    return { ...this.#state, ...this.#own.inUse(this.#state), colormap };
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

  get wanted(): PlaneGeometry | null {
    const frame = this.#stack?.frames[this.#state.index ?? -1];
    return this.#stack && frame ? geometryOf(this.#stack, frame) : null;
  }

  get mmPerPixel(): number | null {
    return this.#place.mmPerPixel;
  }

  get centre(): Vector | null {
    const [plane, [row, column]] = [this.wanted, this.#state.pan];
    return plane && positionOn(plane, (plane.columns - 1) / 2 + column, (plane.rows - 1) / 2 + row);
  }

  /** The frame on the canvas; it lags behind `state.index` while pixels arrive. */
  plane(): ImagePlane | null {
    return this.#plane.of(this.#stack, this.#shown, this.#place.painted, this.#state, this.pixelRatio);
  }

  /** Milliseconds of script that the last painting took. */
  get paintMs(): number {
    return this.#paintMs;
  }

  /** The window in use: the state's, or the series' own, or one from the pixels. */
  get window(): Window | null {
    return this.#own.inUse(this.#state).window;
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
    this.#teller.tell(telling);
  }

  /** Take over a state from Python; says nothing back but what Python does not know yet. */
  apply(state: Partial<PaneState>): void {
    const { SeriesInstanceUID, StudyInstanceUID } = { ...this.#state, ...state };
    if (SeriesInstanceUID !== this.#state.SeriesInstanceUID || StudyInstanceUID !== this.#state.StudyInstanceUID) {
      this.open(SeriesInstanceUID, state);
      return;
    }
    this.set({ ...state, index: state.index ?? this.#state.index }, "not yet");
    this.#teller.know({ ...this.#state });
    this.#teller.tell("rest"); // Python left to us what it says null for
  }

  /** Show another series, from its own beginning. */
  open(SeriesInstanceUID: string, state: Partial<PaneState> = {}): void {
    this.stopCine();
    this.#state = { ...defaultState(SeriesInstanceUID), ...state, SeriesInstanceUID };
    this.#teller.know(null); // told as soon as it is painted, with what this side chose for it
    this.#changed();
    this.#load();
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
    const window_ = frame && !frame.whole ? windowOfFrame(frame) : null;
    if (window_ !== null) this.setWindow(window_);
  }

  /** Take the image's own window, or the next of them; returns what there is to say of it. */
  cycleWindows(): string {
    if (this.#stack === null) return "";
    const { window, voi_lut, words } = this.#own.next(this.#stack.windows, this.#state);
    this.setWindow(window, "now", voi_lut);
    return words;
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
    this.set({ ...this.#own.reset(), inverted: false, colormap: null, zoom: 1, pan: [0, 0], rotation_deg: 0, flipped: false });
  }

  /** Zoom by a factor and keep the voxel under a point (device px of the canvas; its centre without one) in place. */
  zoomBy(factor: number, telling: Telling = "rest", point?: [number, number]): void {
    this.zoomTo(this.#state.zoom * factor, telling, point);
  }

  zoomTo(zoom: number, telling: Telling = "now", point?: [number, number]): void {
    this.set(this.#place.zoomed(zoom, point), telling);
  }

  /** Show one voxel column on so many device pixels: 1 is the values themselves. */
  setScale(pixels: number): void {
    this.set(this.#place.scaled(pixels));
  }

  goTo(_plane: PlaneGeometry, target: Vector): void {
    const index = this.#stack && nearestFrame(this.#stack, target, this.#state.index ?? 0);
    if (index !== null) this.set({ index }, "not yet");
  }

  zoomToScale(mmPerPixel: number, centre: Vector | null): void {
    const [now, plane] = [this.mmPerPixel, this.wanted];
    if (now === null) return;
    const pan = centre && plane ? panTo(voxelOn(plane, centre), plane) : this.#state.pan;
    this.set({ zoom: this.#state.zoom * (now / mmPerPixel), pan }, "not yet");
  }

  showTitle(title: string | null): void {
    this.stage.title(title);
  }

  showLinks(why: string | null, lines: readonly ReferenceLine[]): void {
    this.stage.drawLinks(why, lines);
  }

  panBy(dx: number, dy: number, telling: Telling): void {
    const change = this.#place.panned(dx, dy);
    if (change !== null) this.set(change, telling);
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
    this.events.onChange(); // planes beside it go to where it stopped
    this.#teller.tell("now");
  }

  probe(x: number, y: number): Probe | null {
    const plane = this.plane();
    if (plane === null) return null;
    const [column, row] = plane.toVoxel(x, y);
    const values = valuesAt(plane.values(), column, row);
    return values && {
      values, units: plane.units, ...indicesOf(this.#stack, Math.round(column), Math.round(row), this.#shown?.index ?? 0), patient_mm: plane.toPatient(x, y),
    };
  }

  /** Tell Python now what it has not been told. */
  tell(): void {
    this.#teller.tell("now");
  }

  close(): void {
    this.stopCine();
    this.#describing.cancel();
    this.#store?.close();
    this.#size.close();
    cancelAnimationFrame(this.#repaint);
    this.#teller.close();
  }

  // -- loading -------------------------------------------------------------------------------

  #load(): void {
    this.#describing.cancel();
    this.#store?.close();
    [this.#stack, this.#store, this.#shown] = [null, null, null];
    this.#own.begin([]);
    this.stage.notice(null);
    this.stage.clear();
    this.#place.painted = null;
    this.events.onStack(null);
    this.invalidate();
    if (this.#state.SeriesInstanceUID === "") {
      this.stage.notice("No series", "Choose one on the left.");
      return;
    }
    this.#describe();
  }

  /** Ask what the series is by now. What is shown and what is in memory stay where they are part of it. */
  #describe(): void {
    void this.#describing.ask(this.transport, this.#state.SeriesInstanceUID);
  }

  #onUndescribed(error: unknown): void {
    this.#store?.close();
    this.#store = null;
    if (error instanceof TransportError && error.status === 422) {
      this.stage.notice("No image to show", messageOf(error));
      this.#teller.report();
    } else this.stage.notice("This series could not be opened", messageOf(error), () => this.#load());
  }

  #begin(stack: StackDescription): void {
    const [before, store] = [this.#stack, this.#store];
    this.#stack = stack;
    if (before === null) {
      this.#own.begin(stack.windows);
      this.#cine.rate_hz = stack.rate_hz ?? USUAL_RATE_HZ;
    } else {
      this.#shown = shownAfter(this.#shown, before, stack);
      const { index } = this.#state; // stay with the image in view: frames that came before it have moved it on
      this.#state = { ...this.#state, index: indexAfter(index, before, stack) ?? index };
    }
    this.events.onStack(stack);
    this.stage.describe(stack);
    if (stack.frames.length === 0) {
      store?.close();
      this.#store = null;
      this.stage.notice("No pixels", stack.badges[0]?.sentence ?? "This series holds no images; its elements are under Tags.");
      this.#teller.report();
      return;
    }
    this.#store = new FrameStore(stack, this.transport, {
      onLanded: (from, count) => this.#onNews(from, count),
      onFailed: (index) => this.#onNews(index, 1),
      onStale: () => this.#describing.later(() => this.#describe()),
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
    if (before !== null) this.#teller.tell("rest");
  }

  #onNews(first: number, count: number): void {
    const index = this.#state.index ?? 0;
    if (index >= first && index < first + count) this.invalidate();
    this.events.onMemory();
  }

  // -- telling and painting -------------------------------------------------------------------

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
    if (!isPreview) this.#own.see(this.#shown.frame);
    const extent = extentOf(this.#shown.frame);
    const placement = this.#place.of(this.#state, extent);
    this.#place.painted = placement;
    const look = lookOf(stack, this.told);
    this.#paintMs = this.#renderer.draw(this.#shown.frame, placement, this.#state, look, this.#tint(this.#shown.index, extent, placement));
    this.stage.element.dataset[isPreview ? "preview" : "shown"] = String(this.#shown.index);
    this.#caption(stack, look, placement);
    this.stage.inkFor(look.isWhite, coveredBox(placement, this.#state, extent, this.pixelRatio));
    if (!this.#teller.hasTold && frame !== null && !isPreview) this.#teller.tell("now");
    this.events.onPainted();
  }

  #tint(index: number, { rows, columns }: { rows: number; columns: number }, placement: Placement): (pixels: Uint32Array) => void {
    return (pixels) => this.events.tint?.frame(this, pixels, { index, rows, columns, placement, turn: this.#state });
  }

  #noticeFailure(): void {
    const index = this.#state.index;
    const failure = index === null ? null : (this.#store?.failure(index) ?? null);
    if (failure !== null && index !== null) {
      this.#shown = null;
      this.stage.notice(`Image ${index + 1} could not be shown`, failure, () => this.#describe());
    } else if (this.#store !== null) {
      this.stage.notice(null);
    }
  }

  #caption(stack: StackDescription, look: StackLook, placement: Placement): void {
    const index = this.#state.index ?? 0;
    this.stage.caption({ stack, index, window: this.window, look: this.#shown?.frame.channels === 3 ? null : look, placement, turn: this.#state, dpr: this.pixelRatio });
    this.stage.drawRail(stack, index, this.#size.height / this.pixelRatio);
  }
}
