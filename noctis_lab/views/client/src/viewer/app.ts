/** The whole component: panes, toolbar, status line, and in a page the series strip and the side panel. */
import { copyText } from "../ground/clipboard";
import { adoptStyles, el } from "../ground/dom";
import baseCss from "../ground/base.css";
import tokensCss from "../ground/tokens.css";
import type { SeriesSummary, StackDescription } from "../ground/transport";
import measureCss from "../measure/measure.css";
import { PLANE_HINT } from "../mpr/keys";
import type { PlaneName } from "../mpr/model";
import mprCss from "../mpr/mpr.css";
import { type PlaneEvents, PlanePane } from "../mpr/pane";
import { pythonOf } from "../mpr/words";
import overlayCss from "../overlay/overlay.css";
import { type OverlayHost, Overlays } from "../overlay/overlays";
import { VOLUME_HINT } from "../volume3d/keys";
import { Volumes, type VolumesHost } from "../volume3d/panes";
import volumeCss from "../volume3d/volume3d.css";
import { shareOut } from "./budget";
import { Exchange, type ExchangeHost } from "./exchange";
import { Fittings } from "./fittings";
import { DEFAULT_LIMITS, type FrameLimits } from "./frames";
import { Grid, type GridHost, layoutOf, LAYOUTS, MPR } from "./grid";
import { HangingMenu, HangingStore } from "./hanging";
import hangingCss from "./hanging.css";
import { HelpSheet } from "./help";
import type { InputHost, Tool } from "./input";
import { COMPARED, Links, linkFor } from "./links";
import { Measured, type MeasuredApp } from "./measured";
import type { MountOptions } from "./mountOptions";
import { OwnPresets, shelfOf } from "./ownPresets";
import type { Pane } from "./pane";
import { Planes, type PlanesHost } from "./planes";
import { PlotDock } from "./plotDock";
import { pythonOfArray, pythonOfView, pythonOfVolume } from "./python";
import { DRAGGED_SERIES, draggedPlace, type SeriesPlace, SeriesStrip } from "./seriesStrip";
import { type SavedSession, SessionMenu } from "./sessions";
import { SidePanel } from "./sidePanel";
import { type Link, type PaneState, sameWindow, type ViewState, type Window, withActive } from "./state";
import { StatusLine } from "./status";
import { TagsPanel } from "./tagsPanel";
import { followTheme } from "./theme";
import { sayInPage, Toolbar, type ToolbarHost, type ToolbarPart } from "./toolbar";
import { Viewer } from "./viewer";
import viewerCss from "./viewer.css";
import { WindowPanel } from "./windowPanel";

/** Of a new pane, while the strip's series are still asked for. */
const UNTIL_LISTED: Partial<PaneState> = {};

export class ViewerApp implements InputHost, ToolbarHost, GridHost, MeasuredApp, OverlayHost, VolumesHost, PlanesHost, ExchangeHost {
  readonly grid = new Grid(this);
  readonly mode: "page" | "cell";
  tool: Tool = "window";
  readonly presets: OwnPresets;
  readonly measured: Measured;
  readonly overlays: Overlays;
  readonly plots: PlotDock;
  readonly planes: Planes;
  readonly volumes: Volumes;
  readonly links: Links;
  readonly parts: readonly ToolbarPart[];
  readonly #root: HTMLElement;
  readonly #host: HTMLElement;
  readonly #exchange: Exchange;
  readonly #hanging: HangingMenu | null;
  readonly #status: StatusLine;
  readonly #toolbar: Toolbar;
  readonly #help: HelpSheet;
  readonly #strip: SeriesStrip | null;
  readonly #side: SidePanel | null;
  readonly #fittings = new Fittings(this);
  /** Panes that were made before the strip knew which series comes next. */
  readonly #late = new Set<Pane>();
  /** One budget for all panes, so that nine take no more than one. */
  readonly #limits: FrameLimits = { ...DEFAULT_LIMITS };
  readonly #unfollow: () => void;
  /** The window that everything but the canvas shows. */
  #windowShown: Window | null = null;
  #pointer: { pane: Pane; x: number; y: number } | null = null;

  constructor(element: HTMLElement, readonly options: MountOptions) {
    this.mode = options.mode ?? "page";
    this.#host = element;
    const shadow = (element.shadowRoot ?? element.attachShadow({ mode: "open" }));
    adoptStyles(shadow, tokensCss, baseCss, viewerCss, hangingCss, mprCss, measureCss, overlayCss, volumeCss);
    const { StudyInstanceUID: study, sessions, hanging, state } = options;
    this.links = new Links(this, state.link);
    this.planes = new Planes(this);
    this.volumes = new Volumes(this, options.surfaces ?? null, state);
    this.measured = new Measured(this, options.measurements ?? null);
    this.measured.measuring.mark(options.marks ?? []);
    this.overlays = new Overlays(this, state.overlay ?? null);
    this.plots = new PlotDock(this, options.linkKey ?? "", this.grid.element, options.plots ?? null);
    this.#exchange = new Exchange(this, (said) => options.onReport?.(said));
    this.#status = new StatusLine(() => this.onHelp());
    this.presets = new OwnPresets(options.presets ?? null, shelfOf(window), () => this.onPresets());
    this.#hanging = hanging && study ? new HangingMenu(this, hanging, new HangingStore(study)) : null;
    this.parts = [this.#hanging, sessions && study ? new SessionMenu(this, study, sessions) : null].filter((part) => part !== null);
    this.#toolbar = new Toolbar(this);
    const isPage = this.mode === "page";
    this.#strip = isPage && options.series && study
      ? new SeriesStrip(options.series, options.compare ?? "", { onOpen: (place) => this.openSeries(place), onLoaded: () => this.#onStrip() }) : null;
    this.#help = new HelpSheet(() => this.viewer.focus(), this.#strip !== null);
    this.#side = isPage ? new SidePanel([this.volumes.panel, this.planes.panel, new WindowPanel(this), this.overlays.panel, this.measured.panel, new TagsPanel(this)]) : null;
    this.#root = el("div", { class: `nl viewer ${this.mode}` }, this.#toolbar.element,
      el("div", { class: "body" }, this.#strip?.element, this.plots.element, this.#side?.element),
      this.#status.element, this.#help.element, ...(this.#hanging ? [this.#hanging.dialog.element] : []), ...this.#toolbar.layers, ...this.measured.layers);
    shadow.replaceChildren(this.#root);
    this.#unfollow = followTheme(this.#root);
    this.#root.addEventListener("keydown", this.#onKey);
    if (isPage) document.addEventListener("keydown", this.#onPageKey);
    const { layout = "1x1", panes = [], active = 0 } = state;
    this.grid.arrange(layout, active, withActive(panes, active, state));
    this.plots.show(state.plot ?? "");
    this.#hanging?.greet();
    void this.presets.load();
  }

  close(): void {
    this.grid.close();
    for (const part of [this.measured, this.overlays, this.plots, this.planes, this.volumes, this.links, this.#exchange, this.#strip, this.#status, this.#toolbar]) part?.close();
    this.#side?.tell("close");
    this.#unfollow();
    document.removeEventListener("keydown", this.#onPageKey);
  }

  // -- what others ask ---------------------------------------------------------------------------

  /** The active pane. */
  get viewer(): Pane {
    return this.grid.pane;
  }

  get state(): ViewState {
    return this.#exchange.state;
  }

  get link(): Link {
    return this.links.now;
  }

  get homeStudy(): string {
    return this.options.StudyInstanceUID ?? "";
  }

  get root(): string | null {
    return this.options.root ?? null;
  }

  get ownsWheel(): boolean {
    return this.mode === "page";
  }

  summaryOf(state: PaneState): SeriesSummary | null {
    return this.#strip?.summaryOf(state) ?? null;
  }

  // -- states and series -------------------------------------------------------------------------

  apply(state: Partial<ViewState>): void {
    this.#exchange.apply(state);
  }

  restore(state: ViewState): void {
    this.#exchange.restore(state);
  }

  report(): void {
    this.#exchange.report();
  }

  onHeard(): void {
    this.#markSeries();
    this.#toolbar.refresh();
    this.links.draw();
  }

  openSession(session: SavedSession): void {
    if (session.StudyInstanceUID !== this.options.StudyInstanceUID) this.options.onOtherStudy?.(session);
    else {
      this.restore(session.state);
      this.viewer.focus();
    }
  }

  openSeries(place: SeriesPlace): void {
    const { SeriesInstanceUID, StudyInstanceUID } = this.viewer.state;
    if (place.SeriesInstanceUID === SeriesInstanceUID && place.StudyInstanceUID === StudyInstanceUID) return;
    const { planes, volume } = this.grid.layout;
    const images = planes ? this.grid.panes.find((pane) => pane.kind === "stack") : undefined;
    if (images || !(planes || volume)) (images ?? this.viewer).open(place.SeriesInstanceUID, place);
    if (planes || volume) this.planes.open(place);
    this.#markSeries();
    this.options.onOpen?.(place);
  }

  /** The strip is here: two studies stand side by side, unless it is said how they should. */
  #onStrip(): void {
    const { compare = "", isArranged = false } = this.options;
    this.#fillLate();
    if (this.#hanging?.dialog.isOpen) this.#hanging.dialog.onListed();
    const beside = compare === "" || isArranged ? null : this.#strip?.counterpart(this.viewer.state.SeriesInstanceUID);
    if (beside && this.grid.layout.name === "1x1") {
      this.links.now = COMPARED;
      this.grid.arrange("1x2", 0, [{}, beside]);
    }
    this.#markSeries();
  }

  /** Panes that were asked for before the strip's series were known show the next ones now. */
  #fillLate(): void {
    for (const pane of this.grid.panes) {
      if (!this.#late.has(pane) || pane.state.SeriesInstanceUID !== "") continue;
      const next = this.#strip?.next(this.grid.panes.map(({ state }) => state));
      if (next) pane.open(next.SeriesInstanceUID, next);
    }
    this.#late.clear();
  }

  #markSeries(): void {
    this.#strip?.select(this.viewer.state, this.grid.panes.map((pane) => pane.state));
    for (const pane of this.grid.panes) pane.showTitle(this.#strip?.titleOf(pane.state.StudyInstanceUID) ?? null);
  }

  // -- what the grid asks for --------------------------------------------------------------------

  makePane(state: Partial<PaneState>): Pane {
    const pane = this.#fitted((events) => new Viewer(this.options.transport, { SeriesInstanceUID: "", ...state }, events, this.#limits));
    if (state === UNTIL_LISTED) this.#late.add(pane);
    return pane;
  }

  makePlane(name: PlaneName, state: Partial<PaneState>, images: Pane | null): Pane {
    return this.#fitted((events) => this.planes.make(name, state, images, events));
  }

  makeVolume(state: Partial<PaneState>, images: Pane | null): Pane {
    return this.#fitted((events) => this.volumes.make(this.planes.dataOf(state, images), events));
  }

  /** Make a pane that tells the view of itself, with its mouse. */
  #fitted(make: (events: PlaneEvents) => Pane): Pane {
    const pane: Pane = make({
      tint: this.overlays,
      onReport: () => this.report(),
      onStack: (stack) => this.#onStack(pane, stack),
      onChange: () => { if (pane === this.viewer) this.#onChange(); },
      onMemory: () => this.#onMemory(pane),
      onPainted: () => this.#onPainted(pane),
      onMaximise: () => this.onMaximise(),
      isMeasuring: () => this.measured.kind !== null,
    });
    this.#fittings.fit(pane);
    return pane;
  }

  /** A page's new pane shows the next series of the strip; a cell knows one series alone. */
  stateForNew(panes: readonly Pane[]): Partial<PaneState> {
    const shown = panes.map((pane) => pane.state);
    if (this.#strip && !this.#strip.isListed) return UNTIL_LISTED;
    return this.#strip ? (this.#strip.next(shown) ?? {}) : { SeriesInstanceUID: shown[0]?.SeriesInstanceUID ?? "" };
  }

  onArranged(): void {
    const { panes } = this.grid;
    for (const pane of this.#fittings.keep(panes)) this.measured.measuring.forget(pane);
    this.measured.measuring.changed();
    shareOut(panes, this.#limits);
    this.overlays.onArranged();
    this.planes.refresh();
    this.volumes.refresh();
    this.#side?.tell("onArranged");
    this.#onMemory(this.viewer);
    this.links.lead();
    this.#onChange();
    this.links.draw();
    this.#markSeries();
    this.report();
  }

  onDrop(_pane: Pane, data: DataTransfer): void {
    const place = draggedPlace(data.getData(DRAGGED_SERIES));
    if (place !== null) this.openSeries(place);
  }

  // -- what panes say ----------------------------------------------------------------------------

  #onStack(pane: Pane, stack: StackDescription | null): void {
    if (stack === null || stack.frames.length === 0) this.#fittings.progress(pane, null);
    this.measured.onStack(pane);
    if (pane.kind !== "stack") shareOut(this.grid.panes, this.#limits);
    this.overlays.onStack(pane);
    if (pane !== this.viewer) {
      if (stack !== null) this.links.bring(pane);
      return;
    }
    this.#side?.onStack(stack);
    if (stack === null) this.#status.clear();
    this.#toolbar.refresh();
  }

  /** Of the active pane. */
  #onChange(): void {
    this.links.follow();
    this.#toolbar.refresh();
    this.#side?.tell("onChange");
    this.#windowShown = this.viewer.window;
    this.plots.changed();
    this.#drawProbe();
  }

  #onPainted(pane: Pane): void {
    if (pane.kind !== "volume") {
      this.measured.onPainted(pane);
      this.links.draw();
    }
    if (pane.kind === "plane") this.planes.refresh();
    if (pane !== this.viewer) return;
    if (!this.#fittings.inputOf(pane)?.isDragging) this.#side?.tell("onPainted");
    this.plots.onPainted();
    if (sameWindow(pane.window, this.#windowShown)) this.#drawProbe();
    else this.#onChange(); // a window that nothing states is taken from the pixels that are seen first
  }

  #onMemory(pane: Pane): void {
    const { memory } = pane;
    if (memory === null) return;
    this.#fittings.progress(pane, memory);
    if (pane === this.viewer) this.#status.memory(memory.count, memory.total, memory.bytes);
  }

  // -- what input, toolbar and panels ask for ----------------------------------------------------

  onProbe(pane: Pane, x: number, y: number): void {
    this.#pointer = { pane, x, y };
    this.#drawProbe();
  }

  onLeave(): void {
    this.#pointer = null;
    this.#drawProbe();
  }

  #drawProbe(): void {
    const { kind, state, stack } = this.viewer;
    const resting = kind === "plane" ? PLANE_HINT : kind === "volume" ? VOLUME_HINT : stack === null || stack.frames.length === 0 ? "" : `image ${(state.index ?? 0) + 1} of ${stack.frames.length}`;
    const at = this.#pointer;
    this.#status.probe(at && this.overlays.named(at.pane, at.pane.probe(at.x, at.y)), resting);
  }

  onSeriesStep(count: 1 | -1): boolean {
    this.#strip?.step(count);
    return this.#strip !== null;
  }

  onPaneStep(count: 1 | -1): boolean {
    return this.grid.step(count);
  }

  onLayoutStep(count: 1 | -1): void {
    const at = LAYOUTS.indexOf(this.grid.layout) + count;
    this.onLayout((LAYOUTS[(at + LAYOUTS.length) % LAYOUTS.length] ?? this.grid.layout).name);
  }

  onMpr(): void {
    this.#toggleLayout(MPR.name);
  }

  onVolume(layout: "3d" | "mpr3d"): void {
    this.#toggleLayout(layout);
  }

  #toggleLayout(name: string): void {
    this.onLayout(this.grid.layout.name === name ? "1x1" : name);
  }

  /** Show a layout, with the links that are usual in it. */
  onLayout(name: string): void {
    this.links.now = linkFor(this.grid.layout, layoutOf(name), this.link);
    this.grid.arrange(name);
    this.viewer.focus();
  }

  toggleLink(name: keyof Link): void {
    const words = this.links.toggle(name);
    if (words === null) return;
    this.#toolbar.refresh();
    this.onSay(words);
    this.report();
  }

  onMaximise(): void {
    this.grid.toggleAlone();
  }

  onTools(): void {
    this.#root.classList.toggle("measuring", this.measured.kind !== null);
    this.#toolbar.refresh();
    this.plots.changed();
  }

  onPlot(): void {
    this.#toolbar.refresh();
    this.report();
  }

  onHelp(): void {
    this.#help.toggle();
  }

  onOverlays(): void {
    this.#drawProbe();
    this.report();
  }

  onPresets(): void {
    this.#side?.tell("onPresets");
    this.#toolbar.refresh();
  }

  onSay(words: string): void {
    this.#status.say(words);
  }

  onEscape(): boolean {
    if (this.#toolbar.closeMenu() || this.viewer.closeNote()) return true;
    if (!this.#help.isOpen) return this.measured.keys.leave();
    this.#help.toggle(false);
    return true;
  }

  onTool(tool: Tool): void {
    this.tool = tool;
    this.#toolbar.refresh();
    this.onSay(tool === "zoom" ? "Left drag zooms" : "Left drag sets the window");
  }

  onExpand(): void {
    const request = document.fullscreenElement === null ? this.#host.requestFullscreen() : document.exitFullscreen();
    request.catch(() => this.onSay("This browser allows no full screen here"));
  }

  onCopy(): void {
    const { state, told: { voi_lut }, window: window_ } = this.viewer;
    const study = state.StudyInstanceUID || (this.options.StudyInstanceUID ?? null);
    const plane = this.viewer instanceof PlanePane ? pythonOf(this.viewer.name, this.viewer.model) : null;
    const { root } = this;
    const volume = this.viewer.kind === "volume" ? this.volumes.state : null;
    const isArray = this.viewer.stack?.is_archived === false;
    void copyText(isArray ? pythonOfArray({ ...state, voi_lut }, window_)
      : volume ? pythonOfVolume(state, volume, this.grid.layout.name, study, root, this.planes.state) : pythonOfView({ ...state, voi_lut }, window_, study, root, plane))
      .then((isDone) => this.onSay(isDone ? "Copied" : "This browser allows no copying here"));
  }

  // -- keys --------------------------------------------------------------------------------------

  readonly #onKey = (event: KeyboardEvent): void => {
    const target = event.composedPath()[0];
    const isButton = target instanceof HTMLButtonElement;
    if (isButton && (event.key === " " || event.key === "Enter")) return;
    const isOfPart = (): boolean => this.parts.some((part) => part.key(event)) || (this.mode === "cell" && sayInPage(event, (words) => this.onSay(words)));
    if (event.defaultPrevented || !(isOfPart() || this.measured.keys.key(event) || this.#fittings.inputOf(this.viewer)?.key(event))) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** In a page the keys work without a click first, unless something is being typed. */
  readonly #onPageKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.composedPath().includes(this.#root)) return;
    if (event.target === document.body || event.target === document.documentElement) this.#onKey(event);
  };
}
