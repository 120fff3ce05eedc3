/** One plane of three, as a pane of the grid: it shows what the shared model says, and hands back what is done to it. */
import { areParallel, type ImagePlane, type PlaneGeometry, type Probe, type Vector as Point } from "../ground/plane";
import type { BadgeNotes } from "../ground/badgeNotes";
import type { StackDescription, Transport } from "../ground/transport";
import { CanvasSize } from "../viewer/canvasSize";
import { mirrored, turned } from "../viewer/geometry";
import { colormapOf, lookOf } from "../viewer/look";
import type { Memory, Pane, PaneEvents, Telling } from "../viewer/pane";
import { formatAtScale } from "../ground/numbers";
import { defaultState, MAX_ZOOM, MIN_ZOOM, type PaneState, sameWindow, type Window } from "../viewer/state";
import { makeWindow, nextOwnWindow, presetsFor, windowFromPixels } from "../viewer/windowing";
import { Crosshair, type CrosshairHost, followShift } from "./crosshair";
import { type Painted, PlaneDrawing, type PlaneTint } from "./drawing";
import { FineSampler } from "./fine";
import { imagePlaneOf } from "./imagePlane";
import { handleKey } from "./keys";
import { type Change, type MprModel, normalOf, type PlaneFrame, type PlaneName } from "./model";
import { PlanePlace } from "./place";
import { PlaneStage } from "./planeStage";
import { missingWords, probeAt, wordsOf } from "./words";
import type { Projection } from "./slab";
import { dot, minus, plus, scaled, type Vector } from "./vectors";

const REST_MS = 150;

export interface PlaneEvents extends PaneEvents {
  onMaximise(): void;
  /** Whether the left button draws: the crosshair's handles leave it alone. */
  isMeasuring(): boolean;
}

export class PlanePane implements Pane, CrosshairHost {
  readonly kind = "plane";
  readonly isPlaying = false;
  readonly #stage: PlaneStage;
  readonly #crosshair: Crosshair;
  readonly #drawing: PlaneDrawing;
  readonly #size: CanvasSize;
  readonly #fine = new FineSampler();
  readonly #place: PlanePlace;
  #state: PaneState;
  #frame: PlaneFrame;
  /** The plane on the canvas, as long as it is that. */
  #shown: { painted: Painted; plane: ImagePlane } | null = null;
  #repaint = 0;
  #restTimer = 0;
  #windowTurn = 0;
  #resets: number;
  #unlisten: (() => void) | null = null;
  readonly #unfollow: () => void;
  #hasTold = false;

  constructor(readonly name: PlaneName, readonly model: MprModel, state: Partial<PaneState>, readonly events: PlaneEvents) {
    this.#state = { ...defaultState(model.SeriesInstanceUID), ...state, SeriesInstanceUID: model.SeriesInstanceUID };
    this.#frame = model.planes[name];
    this.#resets = model.resets;
    this.#crosshair = new Crosshair(this);
    this.#stage = new PlaneStage(name, this.#crosshair.element, {
      onProjection: (how) => this.setProjection(how), onMaximise: () => events.onMaximise(),
    });
    this.#drawing = new PlaneDrawing(this.#stage.canvas, model, name);
    this.#size = new CanvasSize(this.#stage.element, () => this.#onSize());
    this.#place = new PlanePlace(name, model, this.#size, () => this.#state);
    this.#unfollow = followShift(this, () => this.#crosshair.isDragging);
    this.element.addEventListener("keydown", (event) => handleKey(event, this));
    if (state.window) model.window = state.window;
    if (state.inverted !== undefined) model.inverted = state.inverted;
    if (state.colormap !== undefined) model.colormap = state.colormap;
    if (state.zoom !== undefined) model.zoom = state.zoom;
  }

  start(): void {
    this.#unlisten = this.model.listen((change, slices) => this.#on(change, slices));
    this.#size.start();
    void this.model.load();
    if (this.model.stack !== null) this.events.onStack(this.model.stack);
    this.invalidate();
  }

  close(): void {
    this.#size.close();
    this.model.need(this, null);
    this.#unfollow();
    this.#unlisten?.();
    cancelAnimationFrame(this.#repaint);
    clearTimeout(this.#restTimer);
  }

  // -- what others ask ---------------------------------------------------------------------------

  get element(): HTMLElement {
    return this.#stage.element;
  }

  get badges(): BadgeNotes {
    return this.#stage.notes;
  }

  get transport(): Transport {
    return this.model.transport;
  }

  get stack(): StackDescription | null {
    return this.model.stack;
  }

  get state(): Readonly<PaneState> {
    const { model } = this;
    return { ...this.#state, StudyInstanceUID: model.StudyInstanceUID, SeriesInstanceUID: model.SeriesInstanceUID, index: null, window: model.window, voi_lut: null, inverted: model.inverted, colormap: model.colormap, zoom: model.zoom };
  }

  get told(): PaneState {
    const { state, stack } = this;
    return { ...state, window: this.window, colormap: stack === null ? state.colormap : colormapOf(stack, state) };
  }

  get window(): Window | null {
    return this.model.usedWindow;
  }

  get memory(): Memory | null {
    const { volume, loader } = this.model;
    return volume && { count: volume.count, total: volume.slices.length, bytes: volume.bytes, isLoading: loader?.isLoading ?? false };
  }

  get claim(): { owner: object; bytes: number } | null {
    const { model } = this;
    return model.volume && { owner: model, bytes: model.volume.claimedBytes };
  }

  get SOPInstanceUID(): null {
    return null;
  }

  get pixelRatio(): number {
    return this.#size.pixelRatio;
  }

  /** Milliseconds of script that the last painting took. */
  get paintMs(): number {
    return this.#drawing.paintMs;
  }

  /** Whether what is drawn is coarser than it will be at rest. */
  get isCoarse(): boolean {
    return this.#drawing.isCoarse;
  }

  get mmPerPixel(): number {
    return this.#place.mmPerPixel;
  }

  get scale(): number {
    return 1 / this.mmPerPixel;
  }

  get axes(): { right: Vector; down: Vector } {
    return this.#place.axes;
  }

  get centre(): Point {
    return this.#place.centre;
  }

  get wanted(): PlaneGeometry | null {
    return this.#place.wanted;
  }

  get target(): Point | null {
    return this.model.volume === null ? null : [...this.model.crosshair];
  }

  focus(): void {
    this.element.focus();
  }

  get isMeasuring(): boolean {
    return this.events.isMeasuring();
  }

  plane(): ImagePlane | null {
    const { painted, sampled } = this.#drawing;
    if (painted === null || painted.volume !== this.model.volume) return null;
    if (this.#shown?.painted !== painted) this.#shown = { painted, plane: imagePlaneOf(painted.volume, painted, this.pixelRatio, sampled, this.#fine) };
    return this.#shown.plane;
  }

  toCanvas(place: Readonly<Vector>): [number, number] {
    return this.#place.toCanvas(place);
  }

  toPlane(x: number, y: number): Vector {
    return this.#place.toPlane(x, y);
  }

  probe(x: number, y: number): Probe | null {
    const { columns, values } = this.#drawing.sampled;
    const shown = values[Math.floor(y * this.pixelRatio) * columns + Math.floor(x * this.pixelRatio)] ?? NaN;
    return probeAt(this.model, this.name, this.toPlane(x, y), shown);
  }

  showTitle(): void {
    // The plane's name stands here; the study is the one of the pane beside it.
  }

  showLinks(): void {
    // The crosshair says where the planes cross.
  }

  identityBox(): DOMRect {
    return this.#stage.head.getBoundingClientRect();
  }

  closeNote(): boolean {
    return this.#stage.closeNote();
  }

  // -- what is changed here ----------------------------------------------------------------------

  apply(state: Partial<PaneState>): void {
    const { SeriesInstanceUID, StudyInstanceUID } = { ...this.state, ...state };
    if (SeriesInstanceUID !== "") this.model.open({ SeriesInstanceUID, StudyInstanceUID });
    this.set(state, "not yet");
  }

  set(change: Partial<PaneState>, telling: Telling = "now"): void {
    const { window, inverted, colormap, zoom, pan, rotation_deg, flipped } = change;
    if (window !== undefined && !sameWindow(window, this.model.window)) this.model.setWindow(window);
    if (inverted !== undefined && inverted !== this.model.inverted) this.model.setInverted(inverted);
    if (colormap !== undefined && colormap !== this.model.colormap) this.model.setColormap(colormap);
    if (zoom !== undefined) this.model.setZoom(Math.min(Math.max(zoom, MIN_ZOOM), MAX_ZOOM));
    this.#state = {
      ...this.#state, ...(pan === undefined ? {} : { pan }), ...(rotation_deg === undefined ? {} : { rotation_deg }), ...(flipped === undefined ? {} : { flipped }),
    };
    this.#changed();
    this.#tell(telling);
  }

  tell(): void {
    this.#tell("now");
  }

  onDragged(): void {
    this.#tell("now");
  }

  open(SeriesInstanceUID: string, { StudyInstanceUID = "" }: Partial<PaneState> = {}): void {
    this.model.open({ SeriesInstanceUID, StudyInstanceUID });
  }

  step(count: number, telling: Telling = "rest"): void {
    this.model.step(this.name, count);
    this.#tell(telling);
  }

  stepToEnd(end: "first" | "last"): void {
    this.model.stepToEnd(this.name, end);
    this.#tell("rest");
  }

  setWindow(window: Window | null, telling: Telling = "now"): void {
    if (window !== null && !(Number.isFinite(window.center) && Number.isFinite(window.width) && window.width > 0)) return;
    this.model.setWindow(window);
    this.#tell(telling);
  }

  preset(key: string): boolean {
    const preset = this.stack && presetsFor(this.stack).find((item) => item.key === key);
    if (!preset) return false;
    this.setWindow(makeWindow(preset.center, preset.width));
    return true;
  }

  autoWindow(): void {
    const { volume } = this.model;
    const { values, columns, rows } = this.#drawing.sampled;
    if (volume !== null && this.#drawing.painted !== null) this.setWindow(windowFromPixels(values.subarray(0, columns * rows), volume.slope, volume.intercept));
  }

  cycleWindows(): string {
    if (this.stack === null) return "";
    const { turn, window, words } = nextOwnWindow(this.stack.windows.filter(({ table }) => !table), this.#windowTurn, this.window, this.model.defaultWindow);
    this.#windowTurn = turn;
    this.setWindow(window);
    return words;
  }

  invert(): void {
    this.model.setInverted(!this.model.inverted);
    this.#tell("now");
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
    this.model.setWindow(null);
    this.set({ inverted: false, colormap: null, zoom: 1, pan: [0, 0], rotation_deg: 0, flipped: false });
  }

  setProjection(how: Projection | null): void {
    const { slab_mm } = this.model.planes[this.name];
    const thickness = slab_mm > 0 ? slab_mm : 10;
    this.model.setPlane(this.name, how === null ? { slab_mm: 0 } : { projection: how, slab_mm: thickness });
    this.#tell("now");
  }

  zoomBy(factor: number, telling: Telling = "rest", point?: [number, number]): void {
    this.zoomTo(this.model.zoom * factor, telling, point);
  }

  zoomTo(zoom: number, telling: Telling = "now", point?: [number, number]): void {
    const bounded = Math.min(Math.max(zoom, MIN_ZOOM), MAX_ZOOM);
    const at: [number, number] = point ? [point[0] / this.pixelRatio, point[1] / this.pixelRatio] : this.toCanvas(this.model.crosshair);
    const grown = 1 - this.model.zoom / bounded; // of the way from the middle to the point
    const toPoint = minus(this.toPlane(...at), this.centre);
    this.model.setZoom(bounded);
    this.#panTo(scaled(toPoint, grown), telling);
  }

  zoomToScale(mmPerPixel: number, centre: Point | null): void {
    this.model.setZoom(Math.min(Math.max((this.model.fitting * this.pixelRatio) / mmPerPixel, MIN_ZOOM), MAX_ZOOM));
    if (centre !== null) this.#panTo(minus(centre, this.centre), "not yet");
  }

  /** Show one voxel column on so many device pixels: 1 is the values themselves. */
  setScale(pixels: number): void {
    const { volume, fitting } = this.model;
    if (volume !== null) this.set({ zoom: (fitting * pixels) / volume.full.spacing_mm[1] });
  }

  panBy(dx: number, dy: number, telling: Telling): void {
    const { right, down } = this.axes;
    this.#panTo(plus(scaled(right, -dx * this.mmPerPixel), scaled(down, -dy * this.mmPerPixel)), telling);
  }

  /** Move what is in the middle of the pane. */
  #panTo(by: Vector, telling: Telling): void {
    const { right, down } = this.model.planes[this.name];
    const [y, x] = this.#state.pan;
    this.set({ pan: [y + dot(by, down), x + dot(by, right)] }, telling);
  }

  toggleCine(): void {
    // Planes are not played: there is no frame rate to a reformat.
  }

  /** Only a parallel image says where this plane shall lie: the other planes cross it. */
  goTo(plane: PlaneGeometry, target: Point): void {
    const { model } = this;
    const { right, down } = model.planes[this.name];
    if (!areParallel(plane, { ...plane, right: [...right], down: [...down] })) return;
    const normal = normalOf({ right, down });
    model.moveTo(plus(model.crosshair, scaled(normal, dot(minus(target, model.crosshair), normal))));
  }

  // -- following the model -----------------------------------------------------------------------

  #on(change: Change, slices: readonly number[]): void {
    if (change === "landed") {
      this.events.onMemory();
      this.#noticeState(); // also where what landed does not show
      if (this.#drawing.painted === null || this.#drawing.shows(slices)) {
        this.#drawing.forget();
        this.invalidate();
      }
      return;
    }
    if (change === "missing") {
      this.events.onMemory();
      this.#drawing.forget();
    }
    if (change === "volume") this.#onVolume();
    if (change === "planes") this.#follow();
    this.#changed();
  }

  #onVolume(): void {
    this.#drawing.forget();
    this.#hasTold = false;
    this.#onSize(false);
    this.events.onStack(this.model.stack);
    this.events.onMemory();
  }

  /** A plane that is turned about the crosshair keeps it where it is on the screen. */
  #follow(): void {
    const frame = this.model.planes[this.name];
    const before = this.#frame;
    this.#frame = frame;
    if (this.model.resets !== this.#resets) {
      this.#resets = this.model.resets;
      this.#state = { ...this.#state, pan: [0, 0] };
      return;
    }
    if (frame.right === before.right && frame.down === before.down) return;
    const offset = minus(this.model.crosshair, this.model.centre);
    const [y, x] = this.#state.pan;
    const moved = (next: Vector, last: Vector): number => dot(offset, next) - dot(offset, last);
    this.#state = { ...this.#state, pan: [y + moved(frame.down, before.down), x + moved(frame.right, before.right)] };
  }

  #changed(): void {
    this.invalidate();
    this.events.onChange();
  }

  #tell(telling: Telling): void {
    if (telling === "not yet") return;
    clearTimeout(this.#restTimer);
    if (telling === "rest") this.#restTimer = window.setTimeout(() => this.events.onReport(), REST_MS);
    else this.events.onReport();
  }

  #onSize(paints = true): void {
    const { width, height } = this.#size;
    if (width === 0 || height === 0 || this.model.volume === null) {
      this.model.need(this, null);
    } else {
      const { right, down } = this.axes;
      const across = this.model.extent(right);
      const along = this.model.extent(down);
      this.model.need(this, Math.max((across[1] - across[0]) / (width * 0.94), (along[1] - along[0]) / (height * 0.94), 1e-6));
    }
    if (!paints) return;
    cancelAnimationFrame(this.#repaint);
    this.#repaint = 0;
    this.#paint();
  }

  /** Paint at the next frame of the screen. */
  invalidate(): void {
    if (this.#repaint === 0) this.#repaint = requestAnimationFrame(() => {
      this.#repaint = 0;
      this.#paint();
    });
  }

  #paint(): void {
    const { width, height } = this.#size;
    if (width === 0 || height === 0) return;
    const { model } = this;
    this.#noticeState();
    const { volume, stack } = model;
    if (volume === null || stack === null) {
      this.#drawing.clear(width, height);
      this.#crosshair.clear();
      return;
    }
    model.findWindow();
    const { lie, grid } = this.#place;
    if (lie === null || grid === null) return;
    const window_ = this.window;
    this.#drawing.draw(lie, grid, lookOf(stack, this.told), this.#tint);
    this.#caption(window_);
    this.#crosshair.draw(width / this.pixelRatio, height / this.pixelRatio);
    this.element.dataset["painted"] = String(Number(this.element.dataset["painted"] ?? 0) + 1);
    if (!this.#hasTold && volume.count > 0) {
      this.#hasTold = true;
      this.#tell("rest");
    }
    this.events.onPainted();
  }

  get #tint(): PlaneTint | null {
    const { tint } = this.events;
    return tint ? { key: tint.key(this), paint: (pixels, at) => tint.plane(this, pixels, at) } : null;
  }

  #noticeState(): void {
    const { refusal, failure, volume } = this.model;
    if (refusal !== null) this.#stage.notice(refusal.title, refusal.sentence);
    else if (failure !== null && volume === null) this.#stage.notice("This series could not be opened", failure, () => void this.model.reload());
    else this.#stage.notice(null);
    const { missing } = this.model;
    this.#stage.missing(missing && missingWords(missing, this.model.stack?.frames.length ?? 0), () => this.model.retry());
  }

  #caption(window_: Window | null): void {
    const { model, name } = this;
    const numbers = window_ === null || name !== "axial" ? "" : `Window ${formatAtScale(window_.width, window_.width)} Level ${formatAtScale(window_.center, window_.width)}`;
    this.#stage.caption(wordsOf(name, model.planes[name], model.crosshair), model.planes[name], numbers);
    const { right, down } = this.axes;
    this.#stage.letters(right, down);
    this.#stage.bar(this.scale, this.#size.width / this.pixelRatio);
    this.#stage.badges(name === "axial" ? model.badges : []);
  }
}
