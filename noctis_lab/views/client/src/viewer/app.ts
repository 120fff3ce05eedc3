/** The whole component: stage, toolbar, status line, and in a page the series strip and the side panel. */
import { copyText } from "../ground/clipboard";
import { adoptStyles, el } from "../ground/dom";
import baseCss from "../ground/base.css";
import tokensCss from "../ground/tokens.css";
import type { StackDescription, Transport } from "../ground/transport";
import { HelpSheet } from "./help";
import { Input, type InputHost, type Tool } from "./input";
import { pythonOfView } from "./python";
import { SeriesStrip, type SeriesSource } from "./seriesStrip";
import type { ViewState } from "./state";
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
  /** The archive's folder, where code has to name it. */
  root?: string | null;
  /** The state, at the end of each interaction; never during it. */
  onReport?(state: ViewState): void;
  /** Another series was chosen here. */
  onOpen?(SeriesInstanceUID: string): void;
}

export class ViewerApp implements InputHost, ToolbarHost {
  readonly viewer: Viewer;
  readonly mode: "page" | "cell";
  tool: Tool = "window";
  readonly #root: HTMLElement;
  readonly #host: HTMLElement;
  readonly #status: StatusLine;
  readonly #toolbar: Toolbar;
  readonly #help: HelpSheet;
  readonly #strip: SeriesStrip | null;
  readonly #windowPanel: WindowPanel | null;
  readonly #tags: TagsPanel | null;
  readonly #input: Input;
  readonly #progress = el("div", { class: "badge info progress", hidden: true });
  readonly #unfollow: () => void;
  #pointer: [number, number] | null = null;

  constructor(element: HTMLElement, readonly options: MountOptions) {
    this.mode = options.mode ?? "page";
    this.#host = element;
    const shadow = (element.shadowRoot ?? element.attachShadow({ mode: "open" }));
    adoptStyles(shadow, tokensCss, baseCss, viewerCss);
    this.viewer = new Viewer(options.transport, options.state, {
      onReport: (state) => options.onReport?.(state),
      onStack: (stack) => this.#onStack(stack),
      onChange: () => this.#onChange(),
      onMemory: () => this.#onMemory(),
      onPainted: () => this.#onPainted(),
    });
    this.#status = new StatusLine(() => this.onHelp());
    this.#toolbar = new Toolbar(this);
    const isPage = this.mode === "page";
    this.#strip = isPage && options.series && options.StudyInstanceUID
      ? new SeriesStrip(options.series, (uid) => this.openSeries(uid)) : null;
    this.#help = new HelpSheet(() => this.viewer.stage.element.focus(), this.#strip !== null);
    this.#windowPanel = isPage ? new WindowPanel(this.viewer) : null;
    this.#tags = isPage ? new TagsPanel(this.viewer) : null;
    this.viewer.stage.element.append(this.#progress);
    this.#root = el("div", { class: `nl viewer ${this.mode}` }, this.#toolbar.element,
      el("div", { class: "body" }, this.#strip?.element, this.viewer.stage.element,
        this.#windowPanel && this.#tags && el("aside", { class: "panel side" }, this.#windowPanel.element, this.#tags.element)),
      this.#status.element, this.#help.element, ...this.#toolbar.layers);
    shadow.replaceChildren(this.#root);
    this.#unfollow = followTheme(this.#root);
    this.#input = new Input(this);
    this.#root.addEventListener("keydown", this.#onKey);
    if (isPage) document.addEventListener("keydown", this.#onPageKey);
    this.#strip?.select(options.state.SeriesInstanceUID);
    this.viewer.start();
    this.#onChange();
  }

  get ownsWheel(): boolean {
    return this.mode === "page";
  }

  /** Take over a state from outside (Python). */
  apply(state: Partial<ViewState>): void {
    this.viewer.apply(state);
    this.#strip?.select(this.viewer.state.SeriesInstanceUID);
  }

  openSeries(SeriesInstanceUID: string): void {
    if (SeriesInstanceUID === this.viewer.state.SeriesInstanceUID) return;
    this.viewer.open(SeriesInstanceUID);
    this.#strip?.select(SeriesInstanceUID);
    this.options.onOpen?.(SeriesInstanceUID);
  }

  close(): void {
    this.viewer.close();
    this.#unfollow();
    document.removeEventListener("keydown", this.#onPageKey);
  }

  // -- what input and toolbar ask for ----------------------------------------------------------

  onProbe(x: number, y: number): void {
    this.#pointer = [x, y];
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

  onHelp(): void {
    this.#help.toggle();
  }

  onSay(words: string): void {
    this.#status.say(words);
  }

  onEscape(): boolean {
    if (this.#toolbar.closeMenu() || this.viewer.stage.closeSentence()) return true;
    if (!this.#help.isOpen) return false;
    this.#help.toggle(false);
    return true;
  }

  onExpand(): void {
    const request = document.fullscreenElement === null ? this.#host.requestFullscreen() : document.exitFullscreen();
    request.catch(() => this.onSay("This browser allows no full screen here"));
  }

  onCopy(): void {
    const { state, window: window_ } = this.viewer;
    void copyText(pythonOfView(state, window_, this.options.StudyInstanceUID ?? null, this.options.root ?? null))
      .then((isDone) => this.onSay(isDone ? "Copied" : "This browser allows no copying here"));
  }

  // -- what the viewer says ----------------------------------------------------------------------

  #onStack(stack: StackDescription | null): void {
    this.#windowPanel?.describe();
    if (stack === null) {
      this.#tags?.clear();
      this.#status.clear();
    } else {
      this.#tags?.refresh();
    }
    if (stack === null || stack.frames.length === 0) this.#progress.hidden = true;
    this.#toolbar.refresh();
  }

  #onChange(): void {
    this.#toolbar.refresh();
    this.#windowPanel?.refresh();
    this.#drawProbe();
  }

  #onPainted(): void {
    if (!this.#input.isDragging) {
      this.#windowPanel?.recount();
      this.#tags?.refresh();
    }
    this.#toolbar.refresh();
    this.#drawProbe();
  }

  #onMemory(): void {
    const { store } = this.viewer;
    if (store === null) return;
    this.#status.memory(store.count, store.total, store.bytes);
    this.#progress.hidden = store.count === store.total || store.requestsInFlight === 0;
    this.#progress.textContent = `${store.count} / ${store.total}`;
  }

  #drawProbe(): void {
    const { state, stack } = this.viewer;
    const resting = stack === null || stack.frames.length === 0 ? "" : `image ${(state.index ?? 0) + 1} of ${stack.frames.length}`;
    this.#status.probe(this.#pointer && this.viewer.probe(...this.#pointer), resting);
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const target = event.composedPath()[0];
    const isButton = target instanceof HTMLButtonElement;
    if (isButton && (event.key === " " || event.key === "Enter")) return;
    if (event.defaultPrevented || !this.#input.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** In a page the keys work without a click first, unless something is being typed. */
  readonly #onPageKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.composedPath().includes(this.#root)) return;
    if (event.target === document.body || event.target === document.documentElement) this.#onKey(event);
  };
}
