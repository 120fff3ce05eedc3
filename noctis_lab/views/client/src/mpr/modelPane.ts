/** A pane of a volume in memory: what planes through it and the view from outside do alike. */
import type { ImagePlane, PlaneGeometry, Probe, Vector as Point } from "../ground/plane";
import type { StackDescription, Transport } from "../ground/transport";
import type { CanvasSize } from "../viewer/canvasSize";
import { colormapOf } from "../viewer/look";
import type { Memory, Pane, PaneEvents, Telling } from "../viewer/pane";
import { defaultState, type PaneState, sameWindow, type Window } from "../viewer/state";
import { nextOwnWindow } from "../viewer/windowing";
import type { Refusal } from "./geometry";
import type { Change, MprModel } from "./model";
import type { ModelStage } from "./modelStage";
import type { Volume } from "./volume";
import { missingWords } from "./words";

export interface ModelPaneEvents extends PaneEvents {
  onMaximise(): void;
}

/** What there is to paint, and on how many pixels. */
export interface Painting {
  volume: Volume;
  stack: StackDescription;
  width: number;
  height: number;
}

const REST_MS = 150;

export abstract class ModelPane implements Pane {
  abstract readonly kind: "plane" | "volume";
  readonly isPlaying = false;
  readonly SOPInstanceUID = null;
  protected abstract readonly stage: ModelStage;
  protected abstract readonly size: CanvasSize;
  #repaint = 0;
  #restTimer = 0;
  #windowTurn = 0;
  #hasTold = false;
  #unlisten: (() => void) | null = null;

  /** `data` is the volume; planes and the view from outside share it. */
  constructor(readonly data: MprModel, readonly events: ModelPaneEvents) {}

  start(): void {
    const isHere = this.data.stack !== null; // another pane of it was there before
    this.#unlisten = this.data.listen((change, slices) => this.#on(change, slices));
    this.size.start();
    void this.data.load(); // what is in memory is said at once
    if (isHere) this.#onVolume();
    this.invalidate();
  }

  close(): void {
    this.size.close();
    this.#unlisten?.();
    cancelAnimationFrame(this.#repaint);
    clearTimeout(this.#restTimer);
  }

  // -- what each does in its own way -------------------------------------------------------------

  abstract readonly wanted: PlaneGeometry | null;
  abstract readonly mmPerPixel: number | null;
  abstract readonly centre: Point | null;
  abstract plane(): ImagePlane | null;
  abstract probe(x: number, y: number): Probe | null;
  abstract step(count: number, telling?: Telling): void;
  abstract preset(key: string): boolean;
  abstract autoWindow(): void;
  abstract turn(clockwise: boolean): void;
  abstract mirror(direction: "horizontal" | "vertical"): void;
  abstract fit(): void;
  abstract reset(): void;
  abstract zoomBy(factor: number, telling?: Telling, point?: [number, number]): void;
  abstract zoomTo(zoom: number, telling?: Telling, point?: [number, number]): void;
  abstract goTo(plane: PlaneGeometry, target: Point): void;
  abstract zoomToScale(mmPerPixel: number, centre: Point | null): void;
  abstract panBy(dx: number, dy: number, telling: Telling): void;
  /** Return what brings back what is shown now. */
  abstract remember(): () => void;

  /** Another volume is there, or none: what was drawn is of the last one. */
  protected abstract begin(): void;
  /** Slices landed: paint where they show. */
  protected abstract land(slices: readonly number[]): void;
  /** Something else of the data changed; returns whether it shows here. */
  protected abstract follow(change: Change): boolean;
  protected abstract paint(painting: Painting): void;
  /** There is nothing to paint. */
  protected abstract clear(width: number, height: number): void;

  /** What of the state is this pane's own. */
  protected get own(): PaneState {
    return defaultState(this.data.SeriesInstanceUID);
  }

  /** Why there is no volume, as it is said here. */
  protected refusalWords(refusal: Refusal): Refusal {
    return refusal;
  }

  // -- what others ask ---------------------------------------------------------------------------

  get element(): HTMLElement {
    return this.stage.element;
  }

  get transport(): Transport {
    return this.data.transport;
  }

  get stack(): StackDescription | null {
    return this.data.stack;
  }

  get extraIndex(): number | null {
    return this.data.extraSize > 1 ? this.data.extraIndex : null;
  }

  get state(): Readonly<PaneState> {
    const { StudyInstanceUID, SeriesInstanceUID, window, inverted, colormap } = this.data;
    return { ...this.own, StudyInstanceUID, SeriesInstanceUID, index: null, window, voi_lut: null, inverted, colormap };
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

  get claim(): { owner: object; bytes: number } | null {
    const { data } = this;
    return data.volume && { owner: data, bytes: data.claimedBytes };
  }

  get pixelRatio(): number {
    return this.size.pixelRatio;
  }

  focus(): void {
    this.element.focus();
  }

  showTitle(): void {
    // Its head says what it is; the study is the one of the pane beside it.
  }

  showLinks(): void {
    // A crosshair says where planes cross; a view from outside lies in no plane.
  }

  identityBox(): DOMRect {
    return this.stage.head.getBoundingClientRect();
  }

  closeNote(): boolean {
    return this.stage.closeNote();
  }

  // -- what is changed here ----------------------------------------------------------------------

  apply(state: Partial<PaneState>): void {
    const { SeriesInstanceUID, StudyInstanceUID } = { ...this.state, ...state };
    if (SeriesInstanceUID !== "") this.data.open({ SeriesInstanceUID, StudyInstanceUID });
    this.set(state, "not yet");
  }

  /** Change how all panes of the volume look. */
  set({ window, inverted, colormap }: Partial<PaneState>, telling: Telling = "now"): void {
    const { data } = this;
    if (window !== undefined && !sameWindow(window, data.window)) data.setWindow(window);
    if (inverted !== undefined && inverted !== data.inverted) data.setInverted(inverted);
    if (colormap !== undefined && colormap !== data.colormap) data.setColormap(colormap);
    this.tell(telling);
  }

  tell(telling: Telling = "now"): void {
    if (telling === "not yet") return;
    clearTimeout(this.#restTimer);
    if (telling === "rest") this.#restTimer = window.setTimeout(() => this.events.onReport(), REST_MS);
    else this.events.onReport();
  }

  open(SeriesInstanceUID: string, { StudyInstanceUID = "" }: Partial<PaneState> = {}): void {
    this.data.open({ SeriesInstanceUID, StudyInstanceUID });
  }

  stepExtra(count: number, telling: Telling = "rest"): boolean {
    const isDone = this.data.stepExtra(count);
    if (isDone) this.tell(telling);
    return isDone;
  }

  setWindow(window: Window | null, telling: Telling = "now"): void {
    if (window !== null && !(Number.isFinite(window.center) && Number.isFinite(window.width) && window.width > 0)) return;
    this.data.setWindow(window);
    this.tell(telling);
  }

  cycleWindows(): string {
    if (this.stack === null) return "";
    const { turn, window, words } = nextOwnWindow(this.stack.windows.filter(({ table }) => !table), this.#windowTurn, this.window, this.data.defaultWindow);
    this.#windowTurn = turn;
    this.setWindow(window);
    return words;
  }

  invert(): void {
    this.set({ inverted: !this.data.inverted });
  }

  toggleCine(): void {
    // There is no frame rate to a reformat.
  }

  // -- following the data, and painting ----------------------------------------------------------

  #on(change: Change, slices: readonly number[]): void {
    if (change === "landed" || change === "missing" || change === "extra") this.events.onMemory();
    if (change === "landed") {
      this.#noticeState(); // also where what landed does not show
      this.land(slices);
      return;
    }
    if (change === "volume") this.#onVolume();
    if (this.follow(change)) this.changed();
  }

  #onVolume(): void {
    this.#hasTold = false;
    this.begin();
    this.events.onStack(this.stack);
    this.events.onMemory();
  }

  protected changed(): void {
    this.invalidate();
    this.events.onChange();
  }

  /** Paint at the next frame of the screen. */
  invalidate(): void {
    if (this.#repaint === 0) this.#repaint = requestAnimationFrame(() => this.paintNow());
  }

  protected paintNow(): void {
    cancelAnimationFrame(this.#repaint);
    this.#repaint = 0;
    const { data, size: { width, height } } = this;
    if (width === 0 || height === 0) return;
    this.#noticeState();
    const { volume, stack } = data;
    if (volume === null || stack === null) {
      this.clear(width, height);
      return;
    }
    data.findWindow();
    this.paint({ volume, stack, width, height });
  }

  /** Another picture is on the canvas. */
  protected painted(): void {
    const { dataset } = this.element;
    dataset["painted"] = String(Number(dataset["painted"] ?? 0) + 1);
    if (!this.#hasTold && (this.data.volume?.count ?? 0) > 0) {
      this.#hasTold = true;
      this.tell("rest");
    }
    this.events.onPainted();
  }

  #noticeState(): void {
    const { refusal, failure, volume, missing, stack, refusedStep } = this.data;
    if (refusal !== null) {
      const { title, sentence } = this.refusalWords(refusal);
      this.stage.notice(title, sentence);
    } else if (failure !== null && volume === null) this.stage.notice("This series could not be opened", failure, () => void this.data.reload());
    else this.stage.notice(null);
    if (refusedStep !== null) this.stage.missing(refusedStep); // to ask again would not help
    else this.stage.missing(missing && missingWords(missing, stack?.frames.length ?? 0), () => this.data.retry());
  }
}
