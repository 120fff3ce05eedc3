/** Measuring as a part of the viewer: its tools, its ink over the panes, its section of the side panel. */
import { Keys } from "../measure/keys";
import type { GroupHost } from "../measure/group";
import type { MeasuringHost } from "../measure/host";
import { Measuring } from "../measure/measuring";
import { MeasurementsPanel, type PanelHost } from "../measure/panel";
import { Pointing } from "../measure/pointing";
import { PlanePane } from "../mpr/pane";
import type { Projection } from "../mpr/slab";
import { isRegion, type PutRegion, REGION_EVENT } from "../measure/regions";
import { factsOf, type Kind, type Measurement } from "../measure/shapes";
import type { MeasurementSource } from "../measure/store";
import { Toast } from "../measure/toast";
import { placeOf } from "./frames";
import type { Tool } from "./input";
import { lookOf } from "./look";
import type { Pane } from "./pane";
import { pythonOfMeasurements } from "./python";
import type { SeriesPlace } from "./seriesStrip";
import { neighbourIn } from "./stage";

/** The application around it. */
export interface MeasuredApp {
  readonly grid: { readonly panes: readonly Pane[] };
  readonly viewer: Pane;
  tool: Tool;
  readonly homeStudy: string;
  /** The archive's folder, where code has to name it. */
  readonly root: string | null;
  openSeries(place: SeriesPlace): void;
  /** Show three planes through the active pane's series. */
  onMpr(): void;
  onSay(words: string): void;
  /** The tool in use, or what can be taken back, changed. */
  onTools(): void;
}

/** Over a gap in the stack nothing passes by. */
const FARTHEST_DOT_MM = 5;

const isKind = (tool: Tool): tool is Kind => tool !== "window" && tool !== "pan" && tool !== "zoom" && tool !== "scroll";

export class Measured implements MeasuringHost, PanelHost, GroupHost {
  readonly measuring: Measuring;
  readonly pointing: Pointing;
  readonly keys: Keys;
  readonly panel: MeasurementsPanel;
  readonly #toast = new Toast();
  #toolBefore: Tool = "window";
  #listed: string | null = null;
  /** The row that was brought into view last. */
  #revealed: string | null = null;
  /** What to show once its series is here. */
  #awaited: Measurement | null = null;

  constructor(readonly app: MeasuredApp, source: MeasurementSource | null) {
    this.measuring = new Measuring(this, source);
    this.pointing = new Pointing(this.measuring);
    this.keys = new Keys(this.measuring);
    this.panel = new MeasurementsPanel(this.measuring, this);
    window.addEventListener("beforeunload", this.#onLeaving);
  }

  /** What stands over everything. */
  get layers(): HTMLElement[] {
    return [this.#toast.element, this.measuring.live];
  }

  close(): void {
    window.removeEventListener("beforeunload", this.#onLeaving);
    this.#toast.hide();
    this.measuring.close();
  }

  readonly #onLeaving = (event: BeforeUnloadEvent): void => {
    if (this.measuring.store.isUnsaved) event.preventDefault();
  };

  // -- what the viewer says --------------------------------------------------------------------

  onStack(pane: Pane): void {
    if (pane.stack !== null) this.measuring.onSeries(pane, pane.stack.SeriesInstanceUID);
    if (this.#awaited && pane.stack !== null && this.#awaited.SeriesInstanceUID === pane.stack.SeriesInstanceUID) {
      if (this.#awaited.plane === null) this.#show(pane, this.#awaited);
      else this.#showPlane(pane, this.#awaited);
    }
    this.measuring.changed();
  }

  onPainted(pane: Pane): void {
    this.measuring.onPainted(pane);
    if (pane === this.pane && this.#listed !== this.SeriesInstanceUID) this.measuring.changed();
  }

  // -- what measuring asks for -----------------------------------------------------------------

  get panes(): readonly Pane[] {
    return this.app.grid.panes;
  }

  get pane(): Pane {
    return this.app.viewer;
  }

  get kind(): Kind | null {
    return isKind(this.app.tool) ? this.app.tool : null;
  }

  get SeriesInstanceUID(): string {
    return this.pane.state.SeriesInstanceUID;
  }

  get seriesState(): string {
    const { stack } = this.pane;
    return stack === null ? "" : `${stack.SeriesInstanceUID} ${stack.revision ?? ""}`;
  }

  get python(): string {
    return pythonOfMeasurements(this.pane.state, this.studyOf(this.pane) || null, this.app.root);
  }

  studyOf(pane: Pane): string {
    return pane.state.StudyInstanceUID || this.app.homeStudy;
  }

  reachOf(pane: Pane): number {
    const { kind, stack, state } = pane;
    if (kind === "stack" && stack !== null) return Math.min((neighbourIn(stack, state.index ?? 0) ?? 0) * 1.001, FARTHEST_DOT_MM);
    return pane.plane()?.step_mm ?? 0;
  }

  isOnWhite({ stack, told }: Pane): boolean {
    return stack !== null && lookOf(stack, told).isWhite;
  }

  /** Take a tool; the one in use again, or null: what the left button did before. */
  onTool(kind: Kind | null): void {
    if (this.kind === null) this.#toolBefore = this.app.tool;
    this.app.tool = kind === null || kind === this.kind ? this.#toolBefore : kind;
    if (this.kind === null) this.measuring.setCursor(null);
    this.app.onTools();
  }

  onPick(kind: Kind, isByKey: boolean): void {
    if (isByKey) this.keys.take(kind);
    else {
      this.onTool(kind);
      this.pane.focus();
    }
  }

  get canUndo(): boolean {
    return this.measuring.store.history.canUndo;
  }

  get canRedo(): boolean {
    return this.measuring.store.history.canRedo;
  }

  onUndo(isRedo: boolean): void {
    this.measuring.undo(isRedo);
  }

  /** While something is drawn or moved by keyboard, its keys come before the pane's own. */
  onInk({ element }: Pane): void {
    element.addEventListener("keydown", (event) => {
      const { cursor, grab } = this.measuring;
      if ((cursor === null && grab === null) || event.target !== element || !this.keys.key(event)) return;
      event.preventDefault();
      event.stopPropagation();
    }, { capture: true });
  }

  onStep(count: number): void {
    this.pane.step(count);
  }

  onJump(measurement: Measurement): void {
    if (measurement.plane !== null) {
      this.#showPlane(this.pane, measurement);
      return;
    }
    const pane = this.panes.find((item) => item.state.SeriesInstanceUID === measurement.SeriesInstanceUID && item === this.pane)
      ?? this.panes.find((item) => item.state.SeriesInstanceUID === measurement.SeriesInstanceUID);
    if (pane !== undefined) this.#show(pane, measurement);
    else {
      this.#awaited = measurement;
      const { StudyInstanceUID, SeriesInstanceUID } = measurement;
      this.app.openSeries({ StudyInstanceUID, SeriesInstanceUID });
    }
  }

  /** Move the planes to where a measurement lies; they are shown, of its series, where they are not yet. */
  #showPlane(pane: Pane, measurement: Measurement): void {
    const { StudyInstanceUID, SeriesInstanceUID, points_mm } = measurement;
    const isOfIt = (item: Pane): item is PlanePane => item instanceof PlanePane && item.model.SeriesInstanceUID === SeriesInstanceUID;
    const found = [pane, ...this.panes].find(isOfIt);
    if (found === undefined) {
      this.#awaited = measurement;
      if (pane.state.SeriesInstanceUID !== SeriesInstanceUID) this.app.openSeries({ StudyInstanceUID, SeriesInstanceUID });
      else if (pane.stack !== null && !this.#isTurning) this.#toPlanes();
    } else if (found.model.volume === null) this.#awaited = measurement;
    else if (measurement.plane !== null && points_mm !== null) {
      this.#awaited = null;
      const { right, down, slab_mm, projection } = measurement.plane;
      const middle = (i: number): number => points_mm.reduce((sum, point) => sum + (point[i] as number), 0) / points_mm.length;
      found.model.lookAt({ right, down, slab_mm, projection: projection as Projection }, [middle(0), middle(1), middle(2)], measurement.extra_index ?? undefined);
      found.tell();
    }
  }

  #isTurning = false;

  #toPlanes(): void {
    this.#isTurning = true;
    this.app.onMpr();
    this.#isTurning = false;
  }

  #show(pane: Pane, { SOPInstanceUID, frame }: Measurement): void {
    this.#awaited = null;
    const index = SOPInstanceUID === null ? null : placeOf({ SOPInstanceUID, frame: frame ?? 0 }, pane.stack?.frames ?? []);
    if (index !== null) pane.set({ index }, "rest");
  }

  /** The page around the viewer keeps what becomes of its analysis. */
  onRegion(region: PutRegion): void {
    this.pane.element.dispatchEvent(new CustomEvent(REGION_EVENT, { bubbles: true, composed: true, detail: region }));
  }

  onSay(words: string): void {
    this.app.onSay(words);
  }

  onMeasured(): void {
    this.#listed = this.SeriesInstanceUID;
    this.panel.refresh();
    const uid = this.measuring.selected?.MeasurementUID ?? null;
    if (uid !== this.#revealed) this.panel.reveal(uid);
    this.#revealed = uid;
    this.app.onTools();
  }

  // -- what the panel asks for -----------------------------------------------------------------

  placeOf({ SOPInstanceUID, frame }: Measurement): string {
    if (SOPInstanceUID === null) return "reformat";
    const index = placeOf({ SOPInstanceUID, frame: frame ?? 0 }, this.pane.stack?.frames ?? []);
    return index === null ? "" : `image ${index + 1}`;
  }

  onSelect(measurement: Measurement): void {
    this.measuring.select(measurement.MeasurementUID);
    this.onJump(measurement);
  }

  onRename(measurement: Measurement, label: string): void {
    this.measuring.rename(measurement, label);
  }

  onDelete(measurement: Measurement): void {
    this.measuring.remove(measurement);
    if (isRegion(measurement)) return;
    const name = measurement.label === "" ? factsOf(measurement.kind).name : measurement.label;
    this.#toast.show(`${name} deleted`, "Undo", () => this.measuring.undo());
  }

  onLeave(): void {
    this.pane.focus();
  }
}
