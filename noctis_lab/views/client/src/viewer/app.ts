/** The whole component: panes, toolbar, status line, and in a page the series strip and the side panel. */
import { copyText } from "../ground/clipboard";
import { adoptStyles, el } from "../ground/dom";
import baseCss from "../ground/base.css";
import tokensCss from "../ground/tokens.css";
import type { SeriesSummary, StackDescription, Transport } from "../ground/transport";
import { shareOut } from "./budget";
import { DEFAULT_LIMITS, type FrameLimits } from "./frames";
import mprCss from "../mpr/mpr.css";
import type { MprModel, PlaneName } from "../mpr/model";
import { PlanePane } from "../mpr/pane";
import { PLANE_HINT } from "../mpr/keys";
import { PlanePanel } from "../mpr/panel";
import { pythonOf } from "../mpr/words";
import { modelFor } from "./planes";
import { VOLUME_HINT } from "../volume3d/keys";
import { Volumes } from "../volume3d/panes";
import type { SurfaceSource } from "../volume3d/surfaces";
import volumeCss from "../volume3d/volume3d.css";
import { Grid, type GridHost, layoutOf, LAYOUTS, MPR } from "./grid";
import { type HangingModel, HangingMenu, HangingStore, sayNoHanging } from "./hanging";
import hangingCss from "./hanging.css";
import { HelpSheet } from "./help";
import measureCss from "../measure/measure.css";
import overlayCss from "../overlay/overlay.css";
import { type OverlayHost, Overlays } from "../overlay/overlays";
import type { MeasurementSource } from "../measure/store";
import { Measured, type MeasuredApp } from "./measured";
import { Input, type InputHost, type Tool } from "./input";
import { LINKS } from "./linkMenu";
import { OwnPresets, type PresetSource, shelfOf } from "./ownPresets";
import type { Pane } from "./pane";
import { Linker, showLinks } from "./linking";
import { PlotDock } from "./plotDock";
import { pythonOfArray, pythonOfView, pythonOfVolume } from "./python";
import { DRAGGED_SERIES, draggedPlace, type SeriesPlace, SeriesStrip, type SeriesSource } from "./seriesStrip";
import { type SavedSession, SessionMenu, type SessionStore } from "./sessions";
import { type Link, type PaneState, sameView, sameWindow, type ViewState, type Window, withActive } from "./state";
import { StatusLine } from "./status";
import { TagsPanel } from "./tagsPanel";
import { followTheme } from "./theme";
import { Toolbar, type ToolbarHost, type ToolbarPart } from "./toolbar";
import { Viewer } from "./viewer";
import viewerCss from "./viewer.css";
import { WindowPanel } from "./windowPanel";

export interface MountOptions {
  transport: Transport;
  state: Partial<ViewState> & { SeriesInstanceUID: string };
  /** "page" fills its element and has strip and panel; "cell" is a notebook's: toolbar, stage, status line. */
  mode?: "page" | "cell";
  /** With a source of series: the study whose strip stands on the left. */
  StudyInstanceUID?: string | null;
  series?: SeriesSource | null;
  /** A study to compare with: its series stand below in the strip. */
  compare?: string;
  /** Where views are saved under a name. */
  sessions?: SessionStore | null;
  /** A session of another study is opened here. */
  onOtherStudy?(session: SavedSession): void;
  /** The state says how the panes stand: nothing is arranged for whoever opens the study. */
  isArranged?: boolean;
  /** Where measurements are kept; without it they last as long as the view. */
  measurements?: MeasurementSource | null;
  /** The protocols that apply to the study, and which one says how its panes stand. */
  hanging?: HangingModel | null;
  /** Where a reader's own window presets are kept; without it they last as long as the view. */
  presets?: PresetSource | null;
  /** Where surfaces of volumes are made and kept; without it there are none. */
  surfaces?: SurfaceSource | null;
  /** The archive's folder, where code has to name it. */
  root?: string | null;
  /** By which plots know this view, and what Panel renders a page's plots into. */
  linkKey?: string;
  plots?: HTMLElement | null;
  /** The state, at the end of each interaction; never during it. */
  onReport?(state: ViewState): void;
  /** Another series was chosen here. */
  onOpen?(place: SeriesPlace): void;
}

const REST_MS = 150;
const NOT_LINKED: Link = { position: false, window: false, zoom: false };
/** Studies side by side: their series state the windows that they were made for. */
const COMPARED: Link = { position: true, window: false, zoom: true };

/** What goes with a pane: its mouse and its progress. */
interface Fittings {
  input: Input;
  progress: HTMLElement;
}

export class ViewerApp implements InputHost, ToolbarHost, GridHost, MeasuredApp, OverlayHost {
  readonly grid = new Grid(this);
  readonly mode: "page" | "cell";
  tool: Tool = "window";
  readonly presets: OwnPresets;
  readonly measured: Measured;
  readonly overlays: Overlays;
  readonly plots: PlotDock;
  readonly #root: HTMLElement;
  readonly #host: HTMLElement;
  readonly #hanging: HangingMenu | null;
  readonly parts: readonly ToolbarPart[];
  readonly #status: StatusLine;
  readonly #toolbar: Toolbar;
  readonly #help: HelpSheet;
  readonly #strip: SeriesStrip | null;
  readonly #windowPanel: WindowPanel | null;
  readonly #tags: TagsPanel | null;
  readonly #fittings = new Map<Pane, Fittings>();
  /** One budget for all panes, so that nine take no more than one. */
  readonly #limits: FrameLimits = { ...DEFAULT_LIMITS };
  readonly #unfollow: () => void;
  readonly #planePanel = new PlanePanel(() => this.#report());
  readonly #volumes: Volumes;
  #mpr: MprModel | null = null;
  #showing = 0;
  /** A plane that moves keeps its window: its panel need not be drawn anew. */
  #windowShown: Window | null = null;
  #pointer: { pane: Pane; x: number; y: number } | null = null;
  #link = NOT_LINKED;
  readonly #linker = new Linker();
  #drawing = 0;
  /** What was said last, by this side or by Python. */
  #said: ViewState | null = null;
  #isHearing = false;
  #restTimer = 0;

  constructor(element: HTMLElement, readonly options: MountOptions) {
    this.mode = options.mode ?? "page";
    this.#host = element;
    const shadow = (element.shadowRoot ?? element.attachShadow({ mode: "open" }));
    adoptStyles(shadow, tokensCss, baseCss, viewerCss, hangingCss, mprCss, measureCss, overlayCss, volumeCss);
    this.#volumes = new Volumes(this, options.surfaces ?? null, options.state.volume ?? null);
    this.measured = new Measured(this, options.measurements ?? null);
    this.overlays = new Overlays(this, options.state.overlay ?? null);
    this.plots = new PlotDock(this, options.linkKey ?? "", this.grid.element, options.plots ?? null);
    this.#status = new StatusLine(() => this.onHelp());
    this.presets = new OwnPresets(options.presets ?? null, shelfOf(window), () => this.onPresets());
    const { StudyInstanceUID: study, sessions, hanging } = options;
    this.#hanging = hanging && study ? new HangingMenu(this, hanging, new HangingStore(study)) : null;
    this.parts = [this.#hanging, sessions && study ? new SessionMenu(this, study, sessions) : null].filter((part) => part !== null);
    this.#toolbar = new Toolbar(this);
    const isPage = this.mode === "page";
    this.#strip = isPage && options.series && options.StudyInstanceUID
      ? new SeriesStrip(options.series, options.compare ?? "", { onOpen: (place) => this.openSeries(place), onLoaded: () => this.#onStrip() }) : null;
    this.#help = new HelpSheet(() => this.viewer.focus(), this.#strip !== null);
    this.#windowPanel = isPage ? new WindowPanel(this) : null;
    this.#tags = isPage ? new TagsPanel(this) : null;
    this.#root = el("div", { class: `nl viewer ${this.mode}` }, this.#toolbar.element,
      el("div", { class: "body" }, this.#strip?.element, this.plots.element,
        this.#windowPanel && this.#tags && el("aside", { class: "panel side" }, this.#volumes.panel.element, this.#planePanel.element, this.#windowPanel.element, this.overlays.panel.element, this.measured.panel.element, this.#tags.element)),
      this.#status.element, this.#help.element, ...(this.#hanging ? [this.#hanging.dialog.element] : []), ...this.#toolbar.layers, ...this.measured.layers);
    shadow.replaceChildren(this.#root);
    this.#unfollow = followTheme(this.#root);
    this.#root.addEventListener("keydown", this.#onKey);
    if (isPage) document.addEventListener("keydown", this.#onPageKey);
    const { layout = "1x1", panes = [], active = 0, link = NOT_LINKED } = options.state;
    this.#link = link;
    this.grid.arrange(layout, active, withActive(panes, active, options.state));
    this.plots.show(options.state.plot ?? "");
    this.#hanging?.greet();
    void this.presets.load();
  }

  summaryOf(state: PaneState): SeriesSummary | null {
    return this.#strip?.summaryOf(state) ?? null;
  }

  /** The active pane. */
  get viewer(): Pane {
    return this.grid.pane;
  }

  /** Everything that Python and an address know of the view. */
  get state(): ViewState {
    const { grid } = this;
    const { layout } = grid;
    const panes = grid.panes.map((pane) => pane.told);
    return {
      ...grid.pane.told, layout: layout.name, panes: panes.length > 1 ? panes : [], active: grid.active, link: this.#link,
      mpr: layout.planes ? (this.#mpr?.state ?? null) : null, volume: layout.volume ? this.#volumes.state : null,
      overlay: this.overlays.state, plot: this.plots.plot,
    };
  }

  get ownsWheel(): boolean {
    return this.mode === "page";
  }

  /** Take over a state from outside (Python): the active pane's part at the top level counts before that under `panes`. */
  apply(state: Partial<ViewState>): void {
    const active = state.active ?? this.grid.active;
    const panes = withActive(state.panes ?? [], active, state);
    this.#said = { ...this.state, ...state };
    this.#isHearing = true;
    try {
      this.#link = state.link ?? this.#link;
      if (state.volume) this.#volumes.restore(state.volume);
      if (state.layout !== undefined && state.layout !== this.grid.layout.name) this.grid.arrange(state.layout, active, panes);
      else this.grid.activate(active);
      panes.forEach((pane, i) => { if (i !== active) this.grid.panes[i]?.apply(pane); });
      if (panes[active]) this.viewer.apply(panes[active]); // last: what is linked follows it
      if (state.mpr && this.grid.layout.planes && !this.#mpr?.isDragging) this.#mpr?.restore(state.mpr);
      if (state.overlay !== undefined) this.overlays.apply(state.overlay);
      if (state.plot !== undefined) this.plots.show(state.plot);
    } finally {
      this.#isHearing = false;
    }
    this.#markSeries();
    this.#toolbar.refresh();
    this.#drawLinks();
    clearTimeout(this.#restTimer);
    this.#restTimer = window.setTimeout(() => this.#report(), REST_MS); // what was left to this side
  }

  /** Take over a state that Python does not know either: an address's, a saved session's. */
  restore(state: ViewState): void {
    this.apply({ plot: "", ...state });
    this.#said = null;
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
    if (planes || volume) this.#mpr?.open(place);
    this.#markSeries();
    this.options.onOpen?.(place);
  }

  get link(): Link {
    return this.#link;
  }

  toggleLink(name: keyof Link): void {
    if (this.grid.panes.length < 2) return;
    const on = !this.#link[name];
    this.#link = { ...this.#link, [name]: on };
    if (on) this.#linker.bring(this.viewer, this.grid.panes, { ...NOT_LINKED, [name]: true });
    this.#toolbar.refresh();
    this.#drawLinks();
    this.onSay(`${LINKS.find((item) => item.name === name)?.words ?? ""} ${on ? "linked" : "not linked"}`);
    this.#report();
  }

  close(): void {
    this.grid.close();
    for (const part of [this.measured, this.overlays, this.plots, this.#volumes, this.#strip, this.#windowPanel, this.#tags, this.#status, this.#toolbar]) part?.close();
    clearTimeout(this.#restTimer);
    for (const frame of [this.#drawing, this.#showing]) cancelAnimationFrame(frame);
    this.#unfollow();
    document.removeEventListener("keydown", this.#onPageKey);
  }

  // -- what the grid asks for ------------------------------------------------------------------

  makePane(state: Partial<PaneState>): Pane {
    const isActive = (): boolean => this.grid.pane === pane;
    const pane: Pane = new Viewer(this.options.transport, { SeriesInstanceUID: "", ...state }, {
      tint: this.overlays,
      onReport: () => this.#report(),
      onStack: (stack) => this.#onStack(pane, stack),
      onChange: () => { if (isActive()) this.#onChange(); },
      onMemory: () => this.#onMemory(pane),
      onPainted: () => {
        this.measured.onPainted(pane);
        if (isActive()) this.#onPainted();
        this.#drawLinks();
      },
    }, this.#limits);
    return this.#fitted(pane);
  }

  makePlane(name: PlaneName, state: Partial<PaneState>, images: Pane | null): Pane {
    const isActive = (): boolean => this.grid.pane === pane;
    const pane = new PlanePane(name, this.#dataOf(state, images), state, {
      tint: this.overlays, onReport: () => this.#report(), onStack: (stack) => this.#onStack(pane, stack), onMemory: () => this.#onMemory(pane), onMaximise: () => this.onMaximise(),
      onChange: () => { if (isActive()) this.#onChange(); },
      isMeasuring: () => this.measured.kind !== null,
      onPainted: () => {
        this.measured.onPainted(pane);
        if (isActive()) this.#onPainted();
        // Once for the three planes of a frame of the screen.
        if (this.#showing === 0) this.#showing = requestAnimationFrame(() => this.#showPlanes());
      },
    });
    return this.#fitted(pane);
  }

  makeVolume(state: Partial<PaneState>, images: Pane | null): Pane {
    const pane = this.#volumes.make(this.#dataOf(state, images), state.StudyInstanceUID ?? "", {
      onReport: () => this.#report(), onStack: (stack) => this.#onStack(pane, stack), onMemory: () => this.#onMemory(pane), onMaximise: () => this.onMaximise(),
      onChange: () => { if (this.grid.pane === pane) this.#onChange(); }, onPainted: () => { if (this.grid.pane === pane) this.#onPainted(); },
    });
    return this.#fitted(pane);
  }

  /** The volume that planes and the view from outside share. */
  #dataOf(state: Partial<PaneState>, images: Pane | null): MprModel {
    if (this.#mpr === null || this.#mpr.isClosed) this.#mpr = modelFor(this.options, state, images, this.#mpr);
    return this.#mpr;
  }

  report(): void {
    this.#report();
  }

  #fitted(pane: Pane): Pane {
    const progress = el("div", { class: "badge info progress", hidden: true });
    pane.element.append(progress);
    this.#fittings.set(pane, { input: new Input(this, pane), progress });
    return pane;
  }

  /** The panel of the planes, where there are any. */
  #showPlanes(): void {
    this.#showing = 0;
    this.#planePanel.show(this.grid.layout.planes ? this.#mpr : null, this.viewer instanceof PlanePane ? this.viewer.name : null);
  }

  /** A page's new pane shows the next series of the strip; a cell knows one series alone. */
  stateForNew(panes: readonly Pane[]): Partial<PaneState> {
    const shown = panes.map((pane) => pane.state);
    return this.#strip ? (this.#strip.next(shown) ?? {}) : { SeriesInstanceUID: shown[0]?.SeriesInstanceUID ?? "" };
  }

  /** The strip is here: two studies stand side by side, unless it is said how they should. */
  #onStrip(): void {
    const { compare = "", isArranged = false } = this.options;
    const beside = compare === "" || isArranged ? null : this.#strip?.counterpart(this.viewer.state.SeriesInstanceUID);
    if (beside && this.grid.panes.length === 1) {
      this.#link = COMPARED;
      this.grid.arrange("1x2", 0, [{}, beside]);
    }
    this.#markSeries();
  }

  onArranged(): void {
    const { panes } = this.grid;
    for (const pane of this.#fittings.keys()) {
      if (panes.includes(pane)) continue;
      this.#fittings.delete(pane);
      this.measured.measuring.forget(pane);
    }
    this.measured.measuring.changed();
    shareOut(panes, this.#limits);
    this.overlays.onArranged();
    this.#windowPanel?.describe();
    this.#showPlanes();
    this.#volumes.refresh();
    this.#tags?.refresh();
    this.#onMemory(this.viewer);
    this.#linker.lead(this.viewer);
    this.#onChange();
    this.#drawLinks();
    this.#markSeries();
    this.#report();
  }

  onDrop(_pane: Pane, data: DataTransfer): void {
    const place = draggedPlace(data.getData(DRAGGED_SERIES));
    if (place !== null) this.openSeries(place);
  }

  /** Tell Python, unless that is what it knows; nothing before the first image. */
  #report(): void {
    const { state } = this;
    if (this.#isHearing || this.#mpr?.isDragging || this.viewer.stack === null || (this.#said !== null && sameView(state, this.#said))) return;
    this.#said = state;
    this.options.onReport?.(state);
  }

  #markSeries(): void {
    this.#strip?.select(this.viewer.state, this.grid.panes.map((pane) => pane.state));
    for (const pane of this.grid.panes) pane.showTitle(this.#strip?.titleOf(pane.state.StudyInstanceUID) ?? null);
  }

  // -- what input and toolbar ask for ----------------------------------------------------------

  onProbe(pane: Pane, x: number, y: number): void {
    this.#pointer = { pane, x, y };
    this.#drawProbe();
  }

  onLeave(): void {
    this.#pointer = null;
    this.#drawProbe();
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
    this.grid.arrange((LAYOUTS[(at + LAYOUTS.length) % LAYOUTS.length] ?? this.grid.layout).name);
  }

  onMpr(): void {
    const isLeaving = this.grid.layout === MPR;
    // The images as they are stored follow the planes, unless the user says otherwise.
    this.#link = isLeaving ? NOT_LINKED : { position: true, window: true, zoom: false };
    this.grid.arrange(isLeaving ? "1x1" : MPR.name);
    this.viewer.focus();
  }

  onVolume(layout: "3d" | "mpr3d"): void {
    const isLeaving = this.grid.layout === layoutOf(layout);
    this.#link = NOT_LINKED;
    this.grid.arrange(isLeaving ? "1x1" : layout);
    this.viewer.focus();
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
    this.#report();
  }

  onHelp(): void {
    this.#help.toggle();
  }

  onOverlays(): void {
    this.#drawProbe();
    this.#report();
  }

  onPresets(): void {
    this.#windowPanel?.describe();
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
    const root = this.options.root ?? null;
    const volume = this.viewer.kind === "volume" ? this.#volumes.state : null;
    const isArray = this.viewer.stack?.is_archived === false;
    void copyText(isArray ? pythonOfArray({ ...state, voi_lut }, window_)
      : volume ? pythonOfVolume(state, volume, this.grid.layout.name, study, root) : pythonOfView({ ...state, voi_lut }, window_, study, root, plane))
      .then((isDone) => this.onSay(isDone ? "Copied" : "This browser allows no copying here"));
  }

  get homeStudy(): string {
    return this.options.StudyInstanceUID ?? "";
  }

  get root(): string | null {
    return this.options.root ?? null;
  }

  // -- what the viewer says ----------------------------------------------------------------------

  #onStack(pane: Pane, stack: StackDescription | null): void {
    const progress = this.#fittings.get(pane)?.progress;
    if (progress && (stack === null || stack.frames.length === 0)) progress.hidden = true;
    this.measured.onStack(pane);
    if (pane.claim) shareOut(this.grid.panes, this.#limits);
    this.overlays.onStack(pane);
    if (pane !== this.viewer) {
      if (stack !== null) this.#linker.bring(this.viewer, [pane], this.#link);
      return;
    }
    this.#windowPanel?.describe();
    if (stack === null) {
      this.#tags?.clear();
      this.#status.clear();
    } else {
      this.#tags?.refresh();
    }
    this.#toolbar.refresh();
  }

  #onChange(): void {
    if (this.grid.panes.length > 1) this.#linker.follow(this.viewer, this.grid.panes, this.#link);
    this.#toolbar.refresh();
    if (this.viewer.kind !== "plane" || !sameWindow(this.viewer.window, this.#windowShown)) this.#windowPanel?.refresh();
    this.#windowShown = this.viewer.window;
    this.plots.changed();
    this.#drawProbe();
  }

  #onPainted(): void {
    if (!this.#input?.isDragging) {
      this.#windowPanel?.recount();
      this.#tags?.refresh();
    }
    this.plots.onPainted();
    if (sameWindow(this.viewer.window, this.#windowShown)) this.#drawProbe();
    else this.#onChange(); // a window that nothing states is taken from the pixels that are seen first
  }

  #onMemory(pane: Pane): void {
    const { memory } = pane;
    if (memory === null) return;
    const { count, total, bytes, isLoading } = memory;
    const progress = this.#fittings.get(pane)?.progress;
    if (progress) {
      progress.hidden = !isLoading;
      progress.textContent = `${count} / ${total}`;
    }
    if (pane === this.viewer) this.#status.memory(count, total, bytes);
  }

  #drawProbe(): void {
    const { state, stack } = this.viewer;
    const resting = this.viewer.kind === "plane" ? PLANE_HINT : this.viewer.kind === "volume" ? VOLUME_HINT : stack === null || stack.frames.length === 0 ? "" : `image ${(state.index ?? 0) + 1} of ${stack.frames.length}`;
    const at = this.#pointer;
    this.#status.probe(at && this.overlays.named(at.pane, at.pane.probe(at.x, at.y)), resting);
  }

  /** At the next frame: what links each pane to the others. */
  #drawLinks(): void {
    if (this.#drawing !== 0) return; // a pane that is left alone too: it had lines before
    this.#drawing = requestAnimationFrame(() => {
      this.#drawing = 0;
      showLinks(this.grid.panes, this.grid.pane, this.#link.position);
    });
  }

  get #input(): Input | undefined {
    return this.#fittings.get(this.viewer)?.input;
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const target = event.composedPath()[0];
    const isButton = target instanceof HTMLButtonElement;
    if (isButton && (event.key === " " || event.key === "Enter")) return;
    const isHanging = (): boolean => this.#hanging?.key(event) ?? sayNoHanging(event, (words) => this.onSay(words));
    if (event.defaultPrevented || !(isHanging() || this.measured.keys.key(event) || this.#input?.key(event))) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** In a page the keys work without a click first, unless something is being typed. */
  readonly #onPageKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.composedPath().includes(this.#root)) return;
    if (event.target === document.body || event.target === document.documentElement) this.#onKey(event);
  };
}
