/** A volume seen from outside, as a pane of the grid. */
import { formatNumber } from "../ground/numbers";
import type { Refusal } from "../mpr/geometry";
import type { Change } from "../mpr/model";
import { ModelPane, type ModelPaneEvents, type Painting } from "../mpr/modelPane";
import type { PlaneGrid } from "../mpr/plane";
import { canvasGrid } from "../mpr/view";
import { CanvasSize } from "../viewer/canvasSize";
import type { Tool } from "../viewer/input";
import { lookOf } from "../viewer/look";
import type { Telling } from "../viewer/pane";
import { windowFromPixels } from "../viewer/windowing";
import { ClipBoxOverlay } from "./clipBox";
import { gpuFor } from "./choosing";
import { handleKey } from "./keys";
import type { VolumeModel } from "./model";
import { Picture } from "./picture";
import { VolumeStage } from "./stage";
import { turnedCamera } from "./state";

/** So long after the last move it rests. */
const REST_MS = 150;
/** A drag across this many CSS px turns by half a turn. */
const HALF_TURN_PX = 480;
const WHEEL_ZOOM = 1.1;

export interface VolumePaneEvents extends ModelPaneEvents {
  onSettings(): void;
  onSay(words: string): void;
  onClosed(): void;
}

export class VolumePane extends ModelPane {
  readonly kind = "volume";
  /** Nothing that lies in a plane follows it. */
  readonly wanted = null;
  readonly centre = null;
  readonly mmPerPixel = null;
  readonly picture: Picture;
  protected readonly stage: VolumeStage;
  protected readonly size: CanvasSize;
  readonly #box: ClipBoxOverlay;
  #moveTimer = 0;
  /** It is being moved, or was a moment ago. */
  isTurning = false;
  #unlisten: (() => void) | null = null;

  constructor(readonly model: VolumeModel, override readonly events: VolumePaneEvents) {
    super(model.data, events);
    this.#box = new ClipBoxOverlay(this);
    this.stage = new VolumeStage([this.#box.element, this.#box.triad], {
      onMode: (mode) => { this.model.set({ mode }); this.onDone(); },
      onMaximise: () => events.onMaximise(), onSettings: () => events.onSettings(),
    });
    this.picture = new Picture(this.stage.canvas, { onShown: (coarseness, isFinal) => this.#shown(coarseness, isFinal) }, gpuFor(document));
    this.size = new CanvasSize(this.element, () => this.invalidate());
    this.element.addEventListener("keydown", (event) => handleKey(event, this));
  }

  override start(): void {
    this.#unlisten = this.model.listen((change) => {
      if (change === "view") this.changed();
      else if (change === "surfaces") this.invalidate();
    });
    super.start();
  }

  override close(): void {
    this.picture.close();
    this.model.close();
    this.#unlisten?.();
    clearTimeout(this.#moveTimer);
    super.close();
    this.events.onClosed();
  }

  // -- what others ask ---------------------------------------------------------------------------

  get settings(): HTMLButtonElement {
    return this.stage.settings;
  }

  /** mm of a CSS pixel. */
  get mmPerCssPixel(): number {
    const { width, height } = this.size;
    return width === 0 ? 1 : (this.model.fitting(width, height) / this.model.state.zoom) * this.pixelRatio;
  }

  plane(): null {
    return null;
  }

  probe(): null {
    return null;
  }

  // -- what is changed here ----------------------------------------------------------------------

  remember(): () => void {
    const [{ state }, camera] = [this, this.model.state];
    return () => {
      const { surface, mode } = this.model.state;
      // One that was ready meanwhile was not chosen by the drag.
      this.model.set(surface !== null && surface !== camera.surface ? { ...camera, surface, mode } : camera);
      this.set(state);
    };
  }

  onDone(): void {
    this.tell();
  }

  onSay(words: string): void {
    this.events.onSay(words);
  }

  /** The wheel and ↑ ↓ zoom. */
  step(count: number, telling: Telling = "rest"): void {
    this.zoomBy(WHEEL_ZOOM ** -count, telling);
  }

  stepToEnd(end: "first" | "last"): void {
    this.model.lookFrom(end === "first" ? "A" : "P");
    this.tell();
  }

  /** What a drag does here: it turns what is seen, moves or zooms it, or shifts the preset. */
  dragBy(tool: Tool, dx: number, dy: number, isShifted: boolean): void {
    if (tool === "zoom") this.zoomBy(Math.exp(-dy / 200), "not yet");
    else if (tool === "pan") this.panBy(dx, dy, "not yet");
    else if (isShifted && this.model.state.mode === "mip") this.#dragWindow(dx, dy);
    else if (isShifted) this.model.shiftBy((-dy * (this.model.span[1] - this.model.span[0])) / 1000);
    else this.#turn(dx, dy);
  }

  #turn(dx: number, dy: number): void {
    this.#move();
    const rate = Math.PI / HALF_TURN_PX;
    this.model.set(turnedCamera(this.model.state, { vertical: dx * rate, horizontal: -dy * rate }));
  }

  #dragWindow(dx: number, dy: number): void {
    const { window } = this;
    if (window === null) return;
    const rate = Math.max(window.width, 20) / 300;
    this.data.setWindow({ ...window, center: window.center + dy * rate, width: Math.max(window.width + dx * rate, 1) });
  }

  preset(): boolean {
    return true; // numbers are the volume's own presets: `keys.ts`
  }

  autoWindow(): void {
    const { volume } = this.data;
    const middle = volume?.slices[volume.slices.length >> 1];
    if (volume && middle) this.setWindow(windowFromPixels(middle, volume.slope, volume.intercept));
  }

  turn(clockwise: boolean): void {
    this.model.set(turnedCamera(this.model.state, { sight: (clockwise ? -1 : 1) * (Math.PI / 2) }));
    this.tell();
  }

  mirror(): void {
    this.onSay("A volume is not mirrored: left would be right");
  }

  fit(): void {
    this.model.set({ zoom: 1, pan_mm: [0, 0] });
    this.tell();
  }

  reset(): void {
    this.model.reset(true);
    this.set({ window: null, inverted: false, colormap: null });
  }

  zoomBy(factor: number, telling: Telling = "rest"): void {
    this.#move();
    this.model.set({ zoom: this.model.state.zoom * factor });
    this.tell(telling);
  }

  zoomTo(zoom: number, telling: Telling = "now"): void {
    this.zoomBy(zoom / this.model.state.zoom, telling);
  }

  goTo(): void {
    // There is no plane to go to.
  }

  zoomToScale(): void {
    // A volume is turned, not laid beside others: it keeps its own scale.
  }

  panBy(dx: number, dy: number, telling: Telling): void {
    this.#move();
    const [y, x] = this.model.state.pan_mm;
    const mm = this.mmPerCssPixel;
    this.model.set({ pan_mm: [y - dy * mm, x - dx * mm] });
    this.tell(telling);
  }

  // -- following the model -----------------------------------------------------------------------

  protected begin(): void {
    this.picture.forget();
    this.model.follow();
  }

  protected land(): void {
    this.invalidate();
  }

  protected follow(change: Change): boolean {
    if (change === "missing") this.invalidate();
    if (change === "extra") {
      this.picture.forget();
      this.model.followExtra();
    }
    return change === "volume" || change === "extra" || change === "window";
  }

  /** It is being moved: coarser pictures until it rests. */
  #move(): void {
    this.isTurning = true;
    clearTimeout(this.#moveTimer);
    this.#moveTimer = window.setTimeout(() => { this.isTurning = false; }, REST_MS);
  }

  protected clear(width: number, height: number): void {
    this.picture.clear(width, height);
  }

  protected paint({ volume, stack, width, height }: Painting): void {
    const { model } = this;
    const { matter } = model;
    if (matter === null) {
      this.clear(width, height);
      return;
    }
    const { right, down, zoom, clip_mm } = model.state;
    // One that is not known yet is of nobody knows which time.
    const mesh = model.shown !== null && model.mesh?.key === model.shown.key ? model.mesh.mesh : null;
    this.element.dataset["quality"] = "coarse";
    this.picture.draw({
      volume, right, down, centre: model.centre, mmPerPixel: model.fitting(width, height) / zoom, width, height, clip: clip_mm, matter, mesh, look: lookOf(stack, this.told),
    }, this.isTurning || model.isMoving);
    this.#box.draw(width / this.pixelRatio, height / this.pixelRatio);
    this.stage.letters(right, down);
    this.stage.bar(1 / this.mmPerCssPixel, width / this.pixelRatio);
    this.stage.badges(model.badges);
  }

  #shown(coarseness: number, isFinal: boolean): void {
    this.element.dataset["quality"] = isFinal ? "fine" : "coarse";
    const mm = (this.mmPerCssPixel / this.pixelRatio) * coarseness;
    this.stage.caption(this.model.state.mode, this.#words(), isFinal ? "" : `Preview, ${formatNumber(mm, mm < 1 ? 2 : 1)} mm`);
    this.painted();
  }

  #words(): string {
    return [this.#matterWords(), this.model.extraWords].filter((words) => words !== "").join(" · ");
  }

  #matterWords(): string {
    const { model } = this;
    const { mode, shift } = model.state;
    const units = this.stack?.units ?? "";
    const value = (number: number): string => `${formatNumber(number, Math.abs(number) < 10 ? 2 : 0)} ${units}`.trim();
    if (mode === "mip") return "";
    if (mode === "volume") return `${model.preset?.label ?? ""}${shift === 0 ? "" : ` ${shift > 0 ? "+" : ""}${value(shift)}`}`;
    const { shown } = model;
    if (shown === null) return `above ${value(model.level)}`;
    return shown.kind === "segment" ? shown.label : `above ${value(shown.level)}`;
  }

  protected override refusalWords({ title, sentence }: Refusal): Refusal {
    return { title, sentence: sentence.replace("planes would mix them", "a volume would mix them").replace("Planes need", "A volume needs") };
  }

  /** Where the canvas's pixels lie, on the plane through the middle of the pane; null before there is a volume. */
  get grid(): PlaneGrid | null {
    const { width, height } = this.size;
    const { volume } = this.data;
    if (volume === null || width === 0) return null;
    const { model: { centre, state: { right, down } } } = this;
    return canvasGrid(volume.geometry, { through: centre, right, down }, { width, height, mmPerPixel: this.mmPerCssPixel / this.pixelRatio, centre });
  }

  /** Show one voxel column on so many device pixels. */
  setScale(pixels: number): void {
    const { width, height } = this.size;
    const { volume } = this.data;
    if (volume !== null) this.model.set({ zoom: (this.model.fitting(width, height) * pixels) / volume.full.spacing_mm[1] });
  }
}
