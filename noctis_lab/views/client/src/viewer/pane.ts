/** A pane: one thing in the grid. What toolbar, panels, mouse and keys may ask of it, whatever it shows. */
import type { BadgeNotes } from "../ground/badgeNotes";
import type { ImagePlane, PlaneGeometry, Probe, Vector } from "../ground/plane";
import type { StackDescription, Transport } from "../ground/transport";
import type { Tint } from "../overlay/tint";
import type { Tool } from "./input";
import type { ReferenceLine } from "./linking";
import type { PaneState, Window } from "./state";

/** A stack of images as they were acquired, a plane cut through a volume, or a volume seen from outside. */
export type PaneKind = "stack" | "plane" | "volume";

/** When Python hears of a change: at once, when things have rested, or not (it is in mid-drag). */
export type Telling = "now" | "rest" | "not yet";

/** How much of what a pane shows is here. */
export interface Memory {
  count: number;
  total: number;
  bytes: number;
  isLoading: boolean;
}

export interface PaneEvents {
  /** Everything Python should know; called at the end of a drag, never during it. */
  onReport(): void;
  /** A stack came, or could not be had. */
  onStack(stack: StackDescription | null): void;
  /** Something of the state changed, by whomever. */
  onChange(): void;
  /** What is in memory changed. */
  onMemory(): void;
  /** Another image is on the canvas. */
  onPainted(): void;
  /** What colours the canvas over the image. */
  readonly tint?: Tint;
}

export interface Pane {
  readonly kind: PaneKind;
  /** What stands in the grid; it takes the focus. */
  readonly element: HTMLElement;
  readonly state: Readonly<PaneState>;
  /** The state with what was chosen here for what it leaves open: what Python is told. */
  readonly told: PaneState;
  readonly stack: StackDescription | null;
  /** The window in use, whoever chose it. */
  readonly window: Window | null;
  readonly memory: Memory | null;
  readonly transport: Transport;
  /** The instance in view; null on a reformat, and while nothing is known. */
  readonly SOPInstanceUID: string | null;
  /** The plane that the state asks for: `plane()` lags behind it. null without a place in the patient. */
  readonly wanted: PlaneGeometry | null;
  /** What a CSS pixel takes across, as the state asks; null where the images state no size. */
  readonly mmPerPixel: number | null;
  /** The point of the patient in the middle of the pane, as the state asks. */
  readonly centre: Vector | null;
  /** The point of the patient that linked panes go to: a reformat's crosshair. Left out: the middle of `wanted`. */
  readonly target?: Vector | null;
  /** Pixels of the canvas to a CSS pixel of the element. */
  readonly pixelRatio: number;
  /** CSS px across and down that the canvas covers, as they were last told: asking the element would lay the page out. */
  readonly cssSize?: readonly [number, number];
  /** Which time, echo or b-value is shown, from 0; null, or left out, where the series has one volume. */
  readonly extraIndex?: number | null;
  readonly isPlaying: boolean;
  /** What it claims of the bytes that all panes share; several panes may have one owner. */
  readonly claim?: { owner: object; bytes: number } | null;
  /** The row of badges over the image, where it has one. */
  readonly badges?: BadgeNotes;

  start(): void;
  /** What the pane may keep in memory is another amount. */
  fitMemory?(): void;
  close(): void;
  focus(): void;
  /** Paint at the next frame of the screen. */
  invalidate?(): void;
  /** What is on the canvas; null while nothing is. */
  plane(): ImagePlane | null;
  /** What lies under a point (CSS px from the top left), or null beside the image. */
  probe(x: number, y: number): Probe | null;
  /** Say which study this is, where there are several. */
  showTitle(title: string | null): void;
  /** Say what links this pane to the others: why it is not, and where their images cross. */
  showLinks(why: string | null, lines: readonly ReferenceLine[]): void;
  /** The box of the patient's identity on the screen: no tooltip covers it. */
  identityBox(): DOMRect;
  /** Close what is open over the image; false if nothing is. */
  closeNote(): boolean;

  /** Take over a state from Python. */
  apply(state: Partial<PaneState>): void;
  /** Change the state from this side. */
  set(change: Partial<PaneState>, telling?: Telling): void;
  /** Tell Python now what it has not been told. */
  tell(): void;
  /** Show another series, from its own beginning. */
  open(SeriesInstanceUID: string, state?: Partial<PaneState>): void;
  step(count: number, telling?: Telling): void;
  /** Go to the first or last image within reach of `step`. */
  stepToEnd?(end: "first" | "last"): void;
  /** Go along time, echoes, b-values; false where there is no such dim. */
  stepExtra?(count: number, telling?: Telling): boolean;
  /** Play slower or faster. */
  changeRate?(direction: 1 | -1): void;
  /** `voi_lut`: which of the series' tables stands for the window, where it is one. */
  setWindow(window: Window | null, telling?: Telling, voi_lut?: number | null): void;
  preset(key: string): boolean;
  autoWindow(): void;
  cycleWindows(): string;
  invert(): void;
  turn(clockwise: boolean): void;
  mirror(direction: "horizontal" | "vertical"): void;
  fit(): void;
  reset(): void;
  zoomBy(factor: number, telling?: Telling, point?: [number, number]): void;
  zoomTo(zoom: number, telling?: Telling, point?: [number, number]): void;
  /** Show the image nearest to a point of another plane of the same space; Python is not told. */
  goTo(plane: PlaneGeometry, target: Vector): void;
  /** Zoom so that a CSS pixel takes so many mm, around a point of the patient where one is given; Python is not told. */
  zoomToScale(mmPerPixel: number, centre: Vector | null): void;
  panBy(dx: number, dy: number, telling: Telling): void;
  toggleCine(): void;
  /** Return what brings back what is shown now, where `set` of the state does not. */
  remember?(): () => void;
  /** Do with a drag what it does here alone, whatever the tool means elsewhere; CSS px since it was asked last. */
  dragBy?(tool: Tool, dx: number, dy: number, isShifted: boolean): void;
}
