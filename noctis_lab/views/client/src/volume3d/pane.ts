/** A volume seen from outside, as a pane of the grid. */
import type { StackDescription, Transport } from "../ground/transport";
import { formatNumber } from "../ground/numbers";
import type { MprModel } from "../mpr/model";
import type { PlaneGrid } from "../mpr/plane";
import { canvasGrid } from "../mpr/view";
import { CanvasSize } from "../viewer/canvasSize";
import type { Tool } from "../viewer/input";
import { colormapOf, lookOf } from "../viewer/look";
import type { Memory, Pane, PaneEvents, Telling } from "../viewer/pane";
import { defaultState, type PaneState, type Window } from "../viewer/state";
import { windowFromPixels } from "../viewer/windowing";
import { ClipBoxOverlay } from "./clipBox";
import { gpuFor } from "./choosing";
import { handleKey } from "./keys";
import type { VolumeModel } from "./model";
import { Picture } from "./picture";
import { VolumeStage } from "./stage";
import { turnedCamera } from "./state";

const REST_MS = 150;
/** A drag across this many CSS px turns by half a turn. */
const HALF_TURN_PX = 480;
const WHEEL_ZOOM = 1.1;

export interface VolumePaneEvents extends PaneEvents {
  onMaximise(): void;
  onSettings(): void;
  onSay(words: string): void;
}

export class VolumePane implements Pane {
  readonly kind = "volume";
  readonly isPlaying = false;
  readonly SOPInstanceUID = null;
  /** Nothing that lies in a plane follows it. */
  readonly wanted = null;
  readonly centre = null;
  readonly mmPerPixel = null;
  readonly picture: Picture;
  readonly #stage: VolumeStage;
  readonly #box: ClipBoxOverlay;
  readonly #size: CanvasSize;
  #repaint = 0;
  #restTimer = 0;
  #moveTimer = 0;
  /** It is being moved, or was a moment ago. */
  isTurning = false;
  #hasTold = false;
  #quality = "";
  #unlisten: (() => void)[] = [];

  get claim(): { owner: object; bytes: number } | null {
    const { data } = this.model;
    return data.volume && { owner: data, bytes: data.volume.claimedBytes };
  }

  constructor(readonly model: VolumeModel, readonly events: VolumePaneEvents) {
    this.#box = new ClipBoxOverlay(this);
    this.#stage = new VolumeStage([this.#box.element, this.#box.triad], {
      onMode: (mode) => { this.model.set({ mode }); this.onDone(); },
      onMaximise: () => events.onMaximise(), onSettings: () => events.onSettings(),
    });
    this.picture = new Picture(this.#stage.canvas, { onShown: (coarseness, isFinal) => this.#shown(coarseness, isFinal) }, gpuFor(document));
    this.#size = new CanvasSize(this.#stage.element, () => this.invalidate());
    this.element.addEventListener("keydown", (event) => handleKey(event, this));
  }

  start(): void {
    const { data } = this.model;
    this.#unlisten = [
      data.listen((change) => {
        if (change === "planes" || change === "view") return;
        if (change === "landed" || change === "missing") this.events.onMemory();
        if (change === "volume") this.#onVolume();
        this.#changed();
      }),
      this.model.listen((change) => {
        if (change === "view") this.#changed();
        else if (change === "surfaces") this.invalidate();
      }),
    ];
    this.#size.start();
    void data.load();
    if (data.stack !== null) this.#onVolume();
    this.invalidate();
  }

  close(): void {
    this.#size.close();
    this.picture.close();
    this.model.close();
    for (const stop of this.#unlisten) stop();
    cancelAnimationFrame(this.#repaint);
    clearTimeout(this.#restTimer);
    clearTimeout(this.#moveTimer);
  }

  // -- what others ask ---------------------------------------------------------------------------

  get data(): MprModel {
    return this.model.data;
  }

  get element(): HTMLElement {
    return this.#stage.element;
  }

  get settings(): HTMLButtonElement {
    return this.#stage.settings;
  }

  get transport(): Transport {
    return this.data.transport;
  }

  get stack(): StackDescription | null {
    return this.data.stack;
  }

  get state(): Readonly<PaneState> {
    const { data } = this;
    return { ...defaultState(data.SeriesInstanceUID), StudyInstanceUID: data.StudyInstanceUID, window: data.window, inverted: data.inverted, colormap: data.colormap };
  }

  get told(): PaneState {
    const { state, stack } = this;
    return { ...state, window: this.window, colormap: stack === null ? state.colormap : colormapOf(stack, state) };
  }

  get window(): Window | null {
    return this.data.usedWindow;
  }

  get memory(): Memory | null {
    const { volume, loader } = this.data;
    return volume && { count: volume.count, total: volume.slices.length, bytes: volume.bytes, isLoading: loader?.isLoading ?? false };
  }

  get pixelRatio(): number {
    return this.#size.pixelRatio;
  }

  /** mm of a CSS pixel. */
  get mmPerCssPixel(): number {
    const { width, height } = this.#size;
    return width === 0 ? 1 : (this.model.fitting(width, height) / this.model.state.zoom) * this.pixelRatio;
  }

  focus(): void {
    this.element.focus();
  }

  plane(): null {
    return null;
  }

  probe(): null {
    return null;
  }

  showTitle(): void {
    // Its head says what is drawn; the study is the one of the planes beside it.
  }

  showLinks(): void {
    // It lies in no plane that others cross.
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
    if (SeriesInstanceUID !== "") this.data.open({ SeriesInstanceUID, StudyInstanceUID });
    this.set(state, "not yet");
  }

  set({ window, inverted, colormap }: Partial<PaneState>, telling: Telling = "now"): void {
    const { data } = this;
    if (window) data.setWindow(window);
    if (inverted !== undefined && inverted !== data.inverted) data.setInverted(inverted);
    if (colormap !== undefined && colormap !== data.colormap) data.setColormap(colormap);
    this.#tell(telling);
  }

  tell(): void {
    this.#tell("now");
  }

  onDone(): void {
    this.#tell("now");
  }

  onSay(words: string): void {
    this.events.onSay(words);
  }

  open(SeriesInstanceUID: string, { StudyInstanceUID = "" }: Partial<PaneState> = {}): void {
    this.data.open({ SeriesInstanceUID, StudyInstanceUID });
  }

  /** The wheel and ↑ ↓ zoom. */
  step(count: number, telling: Telling = "rest"): void {
    this.zoomBy(WHEEL_ZOOM ** -count, telling);
  }

  stepToEnd(end: "first" | "last"): void {
    this.model.lookFrom(end === "first" ? "A" : "P");
    this.#tell("now");
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

  setWindow(window: Window | null, telling: Telling = "now"): void {
    if (window !== null && !(Number.isFinite(window.center) && Number.isFinite(window.width) && window.width > 0)) return;
    this.data.setWindow(window);
    this.#tell(telling);
  }

  preset(): boolean {
    return true; // numbers are the volume's own presets: `keys.ts`
  }

  autoWindow(): void {
    const { volume } = this.data;
    const middle = volume?.slices[volume.slices.length >> 1];
    if (volume && middle) this.setWindow(windowFromPixels(middle, volume.slope, volume.intercept));
  }

  cycleWindows(): string {
    this.setWindow(null);
    return "The image's own window";
  }

  invert(): void {
    this.data.setInverted(!this.data.inverted);
    this.#tell("now");
  }

  turn(clockwise: boolean): void {
    this.model.set(turnedCamera(this.model.state, { sight: (clockwise ? -1 : 1) * (Math.PI / 2) }));
    this.#tell("now");
  }

  mirror(): void {
    this.onSay("A volume is not mirrored: left would be right");
  }

  fit(): void {
    this.model.set({ zoom: 1, pan_mm: [0, 0] });
    this.#tell("now");
  }

  reset(): void {
    this.data.setWindow(null);
    this.model.reset(true);
    this.#tell("now");
  }

  zoomBy(factor: number, telling: Telling = "rest"): void {
    this.#move();
    this.model.set({ zoom: this.model.state.zoom * factor });
    this.#tell(telling);
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
    this.#tell(telling);
  }

  toggleCine(): void {
    // Nothing is played.
  }

  // -- following the model -----------------------------------------------------------------------

  #onVolume(): void {
    this.#hasTold = false;
    if (this.data.stack !== null) this.model.follow();
    this.events.onStack(this.data.stack);
    this.events.onMemory();
  }

  /** It is being moved: coarser pictures until it rests. */
  #move(): void {
    this.isTurning = true;
    clearTimeout(this.#moveTimer);
    this.#moveTimer = window.setTimeout(() => { this.isTurning = false; }, REST_MS);
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
    const { model, data } = this;
    this.#noticeState();
    const { volume, stack } = data;
    data.findWindow();
    const { matter } = model;
    if (volume === null || stack === null || matter === null) {
      this.picture.clear(width, height);
      return;
    }
    const { right, down, zoom, mode, surface, clip_mm } = model.state;
    const mesh = mode === "surface" && surface !== null && model.mesh?.key === surface ? model.mesh.mesh : null;
    this.element.dataset["quality"] = "coarse";
    this.picture.draw({
      volume, right, down, centre: model.centre, mmPerPixel: model.fitting(width, height) / zoom, width, height, clip: clip_mm, matter, mesh, look: lookOf(stack, this.told),
    }, this.isTurning || model.isMoving);
    this.#box.draw(width / this.pixelRatio, height / this.pixelRatio);
    this.#stage.around(right, down, 1 / this.mmPerCssPixel, width / this.pixelRatio);
    this.#stage.badges(model.badges);
    if (!this.#hasTold && volume.count > 0) {
      this.#hasTold = true;
      this.#tell("rest");
    }
  }

  #shown(coarseness: number, isFinal: boolean): void {
    const { element } = this;
    element.dataset["quality"] = isFinal ? "fine" : "coarse";
    element.dataset["painted"] = String(Number(element.dataset["painted"] ?? 0) + 1);
    const mm = (this.mmPerCssPixel / this.pixelRatio) * coarseness;
    this.#quality = isFinal ? "" : `Preview, ${formatNumber(mm, mm < 1 ? 2 : 1)} mm`;
    this.#stage.caption(this.model.state.mode, this.#words(), this.#quality);
    this.events.onPainted();
  }

  #words(): string {
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

  #noticeState(): void {
    const { refusal, failure, volume } = this.data;
    if (refusal !== null) this.#stage.notice(refusal.title, refusal.sentence.replace("planes would mix them", "a volume would mix them").replace("Planes need", "A volume needs"));
    else if (failure !== null && volume === null) this.#stage.notice("This series could not be opened", failure, () => void this.data.reload());
    else this.#stage.notice(null);
  }

  /** Where the canvas's pixels lie, on the plane through the middle of the pane; null before there is a volume. */
  get grid(): PlaneGrid | null {
    const { width, height } = this.#size;
    const { volume } = this.data;
    if (volume === null || width === 0) return null;
    const { model: { centre, state: { right, down } } } = this;
    return canvasGrid(volume.geometry, { through: centre, right, down }, { width, height, mmPerPixel: this.mmPerCssPixel / this.pixelRatio, centre });
  }

  /** Show one voxel column on so many device pixels. */
  setScale(pixels: number): void {
    const { width, height } = this.#size;
    const { volume } = this.data;
    if (volume !== null) this.model.set({ zoom: (this.model.fitting(width, height) * pixels) / volume.full.spacing_mm[1] });
  }
}
