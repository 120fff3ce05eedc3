/** The whole component: panes, toolbar, status line, and in a page the series strip and the side panel. */
import { copyText } from "../ground/clipboard";
import { adoptStyles, el } from "../ground/dom";
import baseCss from "../ground/base.css";
import tokensCss from "../ground/tokens.css";
import type { StackDescription, Transport } from "../ground/transport";
import { DEFAULT_LIMITS, type FrameLimits } from "./frames";
import { Grid, type GridHost, LAYOUTS } from "./grid";
import { HelpSheet } from "./help";
import { Input, type InputHost, type Tool } from "./input";
import { OwnPresets, shelfOf } from "./ownPresets";
import type { Pane } from "./pane";
import { DRAGGED_SERIES, SeriesStrip, type SeriesSource } from "./seriesStrip";
import { type Link, type PaneState, paneStateOf, sameView, type ViewState, type Window } from "./state";
import { StatusLine } from "./status";
import { TagsPanel } from "./tagsPanel";
import { followTheme } from "./theme";
import { Toolbar, type ToolbarHost } from "./toolbar";
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
  /** The state, at the end of each interaction; never during it. */
  onReport?(state: ViewState): void;
  /** Another series was chosen here. */
  onOpen?(SeriesInstanceUID: string): void;
}

const REST_MS = 150;
const NOT_LINKED: Link = { position: false, window: false, zoom: false };

/** What goes with a pane: its mouse and its progress. */
interface Fittings {
  input: Input;
  progress: HTMLElement;
}

export class ViewerApp implements InputHost, ToolbarHost, GridHost {
  readonly grid = new Grid(this);
  readonly mode: "page" | "cell";
  tool: Tool = "window";
  readonly presets = new OwnPresets(shelfOf(window));
  readonly #root: HTMLElement;
  readonly #host: HTMLElement;
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
  #pointer: { pane: Pane; x: number; y: number } | null = null;
  #link = NOT_LINKED;
  /** What was said last, by this side or by Python. */
  #said: ViewState | null = null;
  #isHearing = false;
  #restTimer = 0;

  constructor(element: HTMLElement, readonly options: MountOptions) {
    this.mode = options.mode ?? "page";
    this.#host = element;
    const shadow = (element.shadowRoot ?? element.attachShadow({ mode: "open" }));
    adoptStyles(shadow, tokensCss, baseCss, viewerCss);
    this.#status = new StatusLine(() => this.onHelp());
    this.#toolbar = new Toolbar(this);
    const isPage = this.mode === "page";
    this.#strip = isPage && options.series && options.StudyInstanceUID
      ? new SeriesStrip(options.series, (uid) => this.openSeries(uid)) : null;
    this.#help = new HelpSheet(() => this.viewer.focus(), this.#strip !== null);
    this.#windowPanel = isPage ? new WindowPanel(this) : null;
    this.#tags = isPage ? new TagsPanel(this) : null;
    this.#root = el("div", { class: `nl viewer ${this.mode}` }, this.#toolbar.element,
      el("div", { class: "body" }, this.#strip?.element, this.grid.element,
        this.#windowPanel && this.#tags && el("aside", { class: "panel side" }, this.#windowPanel.element, this.#tags.element)),
      this.#status.element, this.#help.element, ...this.#toolbar.layers);
    shadow.replaceChildren(this.#root);
    this.#unfollow = followTheme(this.#root);
    this.#root.addEventListener("keydown", this.#onKey);
    if (isPage) document.addEventListener("keydown", this.#onPageKey);
    const { layout = "1x1", panes = [], active = 0, link = NOT_LINKED } = options.state;
    this.#link = link;
    this.grid.arrange(layout, active, withActive(panes, active, options.state));
  }

  /** The active pane. */
  get viewer(): Pane {
    return this.grid.pane;
  }

  /** Everything that Python and an address know of the view. */
  get state(): ViewState {
    const { grid } = this;
    const panes = grid.panes.map((pane) => pane.told);
    return { ...grid.pane.told, layout: grid.layout.name, panes: panes.length > 1 ? panes : [], active: grid.active, link: this.#link };
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
    this.#link = state.link ?? this.#link;
    if (state.layout !== undefined && state.layout !== this.grid.layout.name) this.grid.arrange(state.layout, active, panes);
    else this.grid.activate(active);
    panes.forEach((pane, i) => this.grid.panes[i]?.apply(pane));
    this.#isHearing = false;
    this.#markSeries();
    clearTimeout(this.#restTimer);
    this.#restTimer = window.setTimeout(() => this.#report(), REST_MS); // what was left to this side
  }

  openSeries(SeriesInstanceUID: string): void {
    if (SeriesInstanceUID === this.viewer.state.SeriesInstanceUID) return;
    this.viewer.open(SeriesInstanceUID);
    this.#markSeries();
    this.options.onOpen?.(SeriesInstanceUID);
  }

  close(): void {
    this.grid.close();
    clearTimeout(this.#restTimer);
    this.#unfollow();
    document.removeEventListener("keydown", this.#onPageKey);
  }

  // -- what the grid asks for ------------------------------------------------------------------

  makePane(state: Partial<PaneState>): Pane {
    const isActive = (): boolean => this.grid.pane === pane;
    const pane: Pane = new Viewer(this.options.transport, { SeriesInstanceUID: "", ...state }, {
      onReport: () => this.#report(),
      onStack: (stack) => this.#onStack(pane, stack),
      onChange: () => { if (isActive()) this.#onChange(); },
      onMemory: () => this.#onMemory(pane),
      onPainted: () => { if (isActive()) this.#onPainted(); },
    }, this.#limits);
    const progress = el("div", { class: "badge info progress", hidden: true });
    pane.element.append(progress);
    this.#fittings.set(pane, { input: new Input(this, pane), progress });
    return pane;
  }

  /** A page's new pane shows the next series of the strip; a cell knows one series alone. */
  stateForNew(panes: readonly Pane[]): Partial<PaneState> {
    const shown = panes.map((pane) => pane.state.SeriesInstanceUID);
    return { SeriesInstanceUID: this.#strip ? this.#strip.next(shown) : (shown[0] ?? "") };
  }

  onArranged(): void {
    const { panes } = this.grid;
    for (const pane of this.#fittings.keys()) if (!panes.includes(pane)) this.#fittings.delete(pane);
    this.#limits.keptBytes = DEFAULT_LIMITS.keptBytes / panes.length;
    this.#limits.requests = Math.max(1, Math.ceil(DEFAULT_LIMITS.requests / panes.length));
    this.#windowPanel?.describe();
    this.#tags?.refresh();
    this.#onMemory(this.viewer);
    this.#onChange();
    this.#markSeries();
    this.#report();
  }

  onDrop(_pane: Pane, data: DataTransfer): void {
    const uid = data.getData(DRAGGED_SERIES);
    if (uid !== "") this.openSeries(uid);
  }

  /** Tell Python, unless that is what it knows; nothing before the first image. */
  #report(): void {
    const { state } = this;
    if (this.#isHearing || this.viewer.stack === null || (this.#said !== null && sameView(state, this.#said))) return;
    this.#said = state;
    this.options.onReport?.(state);
  }

  #markSeries(): void {
    const shown = this.grid.panes.map((pane) => pane.state.SeriesInstanceUID);
    this.#strip?.select(this.viewer.state.SeriesInstanceUID, shown);
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

  onMaximise(): void {
    this.grid.toggleAlone();
  }

  onHelp(): void {
    this.#help.toggle();
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
    if (!this.#help.isOpen) return false;
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
    const { state, window: window_ } = this.viewer;
    const parts = [`index=${state.index ?? 0}`, ...(window_ ? [`window=${pythonWindow(window_)}`] : []), ...(state.inverted ? ["inverted=True"] : [])];
    const study = this.options.StudyInstanceUID;
    const where = [...(study ? [`StudyInstanceUID="${study}"`] : []), `SeriesInstanceUID="${state.SeriesInstanceUID}"`];
    void copyText(`lab.series(${where.join(", ")}).one().view().at(${parts.join(", ")})`)
      .then((isDone) => this.onSay(isDone ? "Copied" : "This browser allows no copying here"));
  }

  // -- what the viewer says ----------------------------------------------------------------------

  #onStack(pane: Pane, stack: StackDescription | null): void {
    const progress = this.#fittings.get(pane)?.progress;
    if (progress && (stack === null || stack.frames.length === 0)) progress.hidden = true;
    if (pane !== this.viewer) return;
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
    this.#toolbar.refresh();
    this.#windowPanel?.refresh();
    this.#drawProbe();
  }

  #onPainted(): void {
    if (!this.#input?.isDragging) {
      this.#windowPanel?.recount();
      this.#tags?.refresh();
    }
    this.#toolbar.refresh();
    this.#drawProbe();
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
    const resting = stack === null || stack.frames.length === 0 ? "" : `image ${(state.index ?? 0) + 1} of ${stack.frames.length}`;
    const at = this.#pointer;
    this.#status.probe(at && at.pane.probe(at.x, at.y), resting);
  }

  get #input(): Input | undefined {
    return this.#fittings.get(this.viewer)?.input;
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const target = event.composedPath()[0];
    const isButton = target instanceof HTMLButtonElement;
    if (isButton && (event.key === " " || event.key === "Enter")) return;
    if (event.defaultPrevented || !this.#input?.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** In a page the keys work without a click first, unless something is being typed. */
  readonly #onPageKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.composedPath().includes(this.#root)) return;
    if (event.target === document.body || event.target === document.documentElement) this.#onKey(event);
  };
}

/** A window as Python's `at` takes it: the function is said where it is not LINEAR. */
function pythonWindow({ center, width, function: voi }: Window): string {
  return voi === "LINEAR" ? `(${center}, ${width})` : `(${center}, ${width}, "${voi}")`;
}

/** Return what the panes show, where the active one's part stands at the top level. */
function withActive(panes: readonly PaneState[], active: number, state: Partial<ViewState>): Partial<PaneState>[] {
  const own = paneStateOf(state);
  const all: Partial<PaneState>[] = panes.map((pane, i) => (i === active ? { ...pane, ...own } : pane));
  if (all[active] === undefined && active === 0) all[0] = own;
  return all;
}
