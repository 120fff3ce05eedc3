/** One plane of three, as a pane of the grid: it shows what the shared model says, and hands back what is done to it. */
import type { BadgeNotes } from "../ground/badgeNotes";
import { areParallel, type ImagePlane, type PlaneGeometry, type Probe, type Vector as Point } from "../ground/plane";
import { formatAtScale } from "../ground/numbers";
import { CanvasSize } from "../viewer/canvasSize";
import { mirrored, turned } from "../viewer/geometry";
import { lookOf } from "../viewer/look";
import type { Telling } from "../viewer/pane";
import { defaultState, MAX_ZOOM, MIN_ZOOM, type PaneState, type Window } from "../viewer/state";
import { makeWindow, presetsFor, windowFromPixels } from "../viewer/windowing";
import { Crosshair, type CrosshairHost, followShift } from "./crosshair";
import { type Painted, PlaneDrawing, type PlaneTint } from "./drawing";
import { FineSampler } from "./fine";
import { imagePlaneOf } from "./imagePlane";
import { handleKey } from "./keys";
import { type Change, type MprModel, normalOf, type PlaneFrame, type PlaneName } from "./model";
import { ModelPane, type ModelPaneEvents, type Painting } from "./modelPane";
import { PlanePlace } from "./place";
import { PlaneStage } from "./planeStage";
import type { Projection } from "./slab";
import { dot, minus, plus, scaled, type Vector } from "./vectors";
import { probeAt, wordsOf } from "./words";

const bounded = (zoom: number): number => Math.min(Math.max(zoom, MIN_ZOOM), MAX_ZOOM);

export interface PlaneEvents extends ModelPaneEvents {
  /** Whether the left button draws: the crosshair's handles leave it alone. */
  isMeasuring(): boolean;
}

export class PlanePane extends ModelPane implements CrosshairHost {
  readonly kind = "plane";
  protected readonly stage: PlaneStage;
  protected readonly size: CanvasSize;
  readonly #crosshair: Crosshair;
  readonly #drawing: PlaneDrawing;
  readonly #fine = new FineSampler();
  readonly #place: PlanePlace;
  #state: PaneState;
  #frame: PlaneFrame;
  /** The plane on the canvas, as long as it is that. */
  #shown: { painted: Painted; plane: ImagePlane } | null = null;
  #resets: number;
  readonly #unfollow: () => void;

  constructor(readonly name: PlaneName, model: MprModel, state: Partial<PaneState>, override readonly events: PlaneEvents) {
    super(model, events);
    this.#state = { ...defaultState(model.SeriesInstanceUID), ...state };
    this.#frame = model.planes[name];
    this.#resets = model.resets;
    this.#crosshair = new Crosshair(this);
    this.stage = new PlaneStage(name, this.#crosshair.element, {
      onProjection: (how) => this.setProjection(how), onMaximise: () => events.onMaximise(),
    });
    this.#drawing = new PlaneDrawing(this.stage.canvas, model, name);
    this.size = new CanvasSize(this.element, () => this.#onSize());
    this.#place = new PlanePlace(name, model, this.size, () => this.#state);
    this.#unfollow = followShift(this, () => this.#crosshair.isDragging);
    this.element.addEventListener("keydown", (event) => handleKey(event, this));
    if (state.zoom !== undefined) model.zoom = state.zoom;
  }

  override close(): void {
    this.model.need(this, null);
    this.#unfollow();
    super.close();
  }

  // -- what others ask ---------------------------------------------------------------------------

  get model(): MprModel {
    return this.data;
  }

  protected override get own(): PaneState {
    return { ...this.#state, zoom: this.model.zoom };
  }

  get badges(): BadgeNotes {
    return this.stage.notes;
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

  // -- what is changed here ----------------------------------------------------------------------

  override set(change: Partial<PaneState>, telling: Telling = "now"): void {
    const { zoom, pan, rotation_deg, flipped } = change;
    if (zoom !== undefined) this.model.setZoom(bounded(zoom));
    this.#state = {
      ...this.#state, ...(pan === undefined ? {} : { pan }), ...(rotation_deg === undefined ? {} : { rotation_deg }), ...(flipped === undefined ? {} : { flipped }),
    };
    super.set(change, "not yet");
    this.changed();
    this.tell(telling);
  }

  remember(): () => void {
    const [{ state }, mpr] = [this, this.model.state];
    return () => {
      const { crosshair, planes, extraIndex } = this.model;
      if (crosshair !== mpr.crosshair_mm || planes !== mpr.planes || extraIndex !== mpr.extra_index) this.model.restore(mpr);
      this.set(state);
    };
  }

  step(count: number, telling: Telling = "rest"): void {
    this.model.step(this.name, count);
    this.tell(telling);
  }

  stepToEnd(end: "first" | "last"): void {
    this.model.stepToEnd(this.name, end);
    this.tell("rest");
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
    this.tell();
  }

  zoomBy(factor: number, telling: Telling = "rest", point?: [number, number]): void {
    this.zoomTo(this.model.zoom * factor, telling, point);
  }

  zoomTo(zoom: number, telling: Telling = "now", point?: [number, number]): void {
    const next = bounded(zoom);
    const at: [number, number] = point ? [point[0] / this.pixelRatio, point[1] / this.pixelRatio] : this.toCanvas(this.model.crosshair);
    const grown = 1 - this.model.zoom / next; // of the way from the middle to the point
    const toPoint = minus(this.toPlane(...at), this.centre);
    this.model.setZoom(next);
    this.#panTo(scaled(toPoint, grown), telling);
  }

  zoomToScale(mmPerPixel: number, centre: Point | null): void {
    this.model.setZoom(bounded((this.model.fitting * this.pixelRatio) / mmPerPixel));
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

  /** Only a parallel image says where this plane shall lie: the other planes cross it. */
  goTo(plane: PlaneGeometry, target: Point): void {
    const { model } = this;
    const { right, down } = model.planes[this.name];
    if (!areParallel(plane, { ...plane, right: [...right], down: [...down] })) return;
    const normal = normalOf({ right, down });
    model.moveTo(plus(model.crosshair, scaled(normal, dot(minus(target, model.crosshair), normal))));
  }

  // -- following the model -----------------------------------------------------------------------

  protected begin(): void {
    this.#drawing.forget();
    this.#fit();
  }

  protected land(slices: readonly number[]): void {
    if (this.#drawing.painted !== null && !this.#drawing.shows(slices)) return;
    this.#drawing.forget();
    this.invalidate();
  }

  protected follow(change: Change): boolean {
    if (change === "missing" || change === "extra") this.#drawing.forget();
    if (change === "extra") {
      this.#fine.forget();
      this.#shown = null;
    }
    if (change === "planes") this.#follow();
    return true;
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

  #onSize(): void {
    this.#fit();
    this.paintNow();
  }

  /** Say how many mm a pixel takes where the volume fits. */
  #fit(): void {
    const { width, height } = this.size;
    if (width === 0 || height === 0 || this.model.volume === null) {
      this.model.need(this, null);
      return;
    }
    const { right, down } = this.axes;
    const across = this.model.extent(right);
    const along = this.model.extent(down);
    this.model.need(this, Math.max((across[1] - across[0]) / (width * 0.94), (along[1] - along[0]) / (height * 0.94), 1e-6));
  }

  protected clear(width: number, height: number): void {
    this.#drawing.clear(width, height);
    this.#crosshair.clear();
  }

  protected paint({ stack, width, height }: Painting): void {
    const { lie, grid } = this.#place;
    if (lie === null || grid === null) return;
    this.#drawing.draw(lie, grid, lookOf(stack, this.told), this.#tint);
    this.#caption(this.window);
    this.#crosshair.draw(width / this.pixelRatio, height / this.pixelRatio);
    this.painted();
  }

  get #tint(): PlaneTint | null {
    const { tint } = this.events;
    return tint ? { key: tint.key(this), paint: (pixels, at) => tint.plane(this, pixels, at) } : null;
  }

  #caption(window_: Window | null): void {
    const { model, name } = this;
    const numbers = window_ === null ? "" : `Window ${formatAtScale(window_.width, window_.width)} Level ${formatAtScale(window_.center, window_.width)}`;
    const lines = [model.extraWords ?? "", name === "axial" ? numbers : ""].filter((line) => line !== "").join("\n");
    this.stage.caption(wordsOf(name, model.planes[name], model.crosshair), model.planes[name], lines);
    const { right, down } = this.axes;
    this.stage.letters(right, down);
    this.stage.bar(this.scale, this.size.width / this.pixelRatio);
    this.stage.badges(name === "axial" ? model.badges : []);
  }
}
