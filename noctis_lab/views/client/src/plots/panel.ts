/** A linked plot: its head, Bokeh's figure, what is dragged over it; it speaks to the views of its state. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatNumber } from "../ground/numbers";
import type { Measurement } from "../measure/shapes";
import type { Telling } from "../viewer/pane";
import type { Window } from "../viewer/state";
import type { Figure, Frame } from "./figure";
import { type Handle, Handles, type HandlesHost, inWords } from "./handles";
import { askViews, hearViews, type Saying } from "./link";
import { isHistogram, PLOTS, type PlotName } from "./names";
import { type CurveFigures, type HistogramFigures, nearestIn, roundAtScale, type Series, seriesOf } from "./series";

/** What Python says: the figures of a plot, or why there are none. */
export interface Drawn {
  what?: PlotName;
  figures?: unknown;
  note?: string;
  may_repeat?: boolean;
}

export interface PanelOptions {
  key: string;
  isDocked: boolean;
  figure: Figure;
  /** Bokeh's element. */
  element: HTMLElement;
  /** To Python. */
  send(message: Record<string, unknown>): void;
}

/** A click moves no farther than this, CSS px. */
const CLICK_PX = 4;

export class PlotPanel implements HandlesHost {
  readonly element: HTMLElement;
  readonly #handles = new Handles(this);
  readonly #tabs = new Map<PlotName, HTMLButtonElement>();
  readonly #note = el("span", { class: "f12 t3 ell grow" });
  readonly #bar = el("i");
  readonly #counts = el("span", { class: "f12 t2 nowrap" });
  readonly #progress: HTMLElement;
  readonly #empty = el("div", { class: "plot-empty" });
  readonly #box: HTMLElement;
  readonly #stop: () => void;
  #drawn: Drawn = {};
  #series: Series | null = null;
  #window: Window | null = null;
  #saying: Saying | null = null;
  /** The place on a profile line that is shown in the image. */
  #place: number | null = null;
  /** The measurement that Python was told of, without its figures. */
  #told: string | null = null;
  #pressed: [number, number] | null = null;

  constructor(readonly options: PanelOptions) {
    const { isDocked, element } = options;
    const tabs = PLOTS.map(({ name, label, title }) => {
      const tab = el("button", { class: "seg", title, "aria-pressed": "false", click: () => this.#choose(name) }, label);
      this.#tabs.set(name, tab);
      return tab;
    });
    this.#progress = el("span", { class: "row g2 plot-progress", role: "status", hidden: true }, el("span", { class: "bar" }, this.#bar), this.#counts,
      el("button", { class: "btn s", click: () => options.send({ kind: "stop" }) }, "Stop"));
    this.#box = el("div", { class: "plot-box" }, element, this.#handles.element, this.#empty);
    this.element = el("section", { class: `nl plots ${isDocked ? "docked" : "cell"}`, "aria-label": "Plot" },
      el("div", { class: "ph" }, el("span", { class: "segs", role: "group", "aria-label": "What is plotted" }, ...tabs), this.#note, this.#progress,
        isDocked && el("button", { class: "ib s", "aria-label": "Close the plot", title: "Close the plot (⇧ G)", click: () => this.#choose("") }, icon("close", "s"))),
      this.#box);
    this.#box.addEventListener("pointerdown", ({ clientX, clientY }) => { this.#pressed = [clientX, clientY]; });
    this.#box.addEventListener("click", (event) => this.#click(event));
    // Other keys are the viewer's: what is not drawn yet is drawn by one of them.
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      this.onLeave();
      event.stopPropagation();
    });
    options.figure.onMoved(() => this.#handles.draw());
    this.#stop = hearViews(options.key, (saying) => this.#hear(saying));
    this.#showTabs();
    askViews(options.key, { kind: "hello" });
  }

  /** What is asked for: figures of another may still stand there. */
  get what(): PlotName | "" {
    return this.options.isDocked ? (this.#saying?.plot ?? this.#drawn.what ?? "") : (this.#drawn.what ?? "");
  }

  get frame(): Frame | null {
    if (this.#series === null) return null;
    const frame = this.options.figure.frame;
    const view = this.options.figure.view();
    if (frame === null || view === null) return null;
    const [outer, inner] = [this.#box.getBoundingClientRect(), view.el.getBoundingClientRect()];
    return { ...frame, left: frame.left + inner.left - outer.left, top: frame.top + inner.top - outer.top };
  }

  onLeave(): void {
    askViews(this.options.key, { kind: "leave" });
  }

  close(): void {
    this.#mark(null, "now");
    this.#stop();
  }

  // -- what Python says ------------------------------------------------------------------------

  show(drawn: Drawn): void {
    const isOther = drawn.what !== this.#drawn.what;
    this.#drawn = drawn;
    this.#series = drawn.what && drawn.figures ? seriesOf(drawn.what, drawn.figures) : null;
    this.options.figure.draw(this.#series);
    if (isOther || this.#series === null) this.#mark(null, "not yet");
    this.#note.textContent = this.#series?.note ?? "";
    this.#note.title = this.#note.textContent;
    this.#showEmpty();
    this.#showTabs();
    this.#tellMeasurement();
    this.refresh();
  }

  #showEmpty(): void {
    const { note = "", may_repeat = false } = this.#drawn;
    this.#empty.hidden = note === "";
    this.#box.classList.toggle("void", this.#series === null);
    this.#empty.replaceChildren(el("span", {}, note), ...(may_repeat ? [el("button", { class: "btn s", click: () => this.options.send({ kind: "repeat" }) }, "Again")] : []));
  }

  showProgress({ done, total }: { done?: number; total?: number }): void {
    this.#progress.hidden = done === undefined;
    this.#progress.classList.toggle("uncounted", !total);
    this.#empty.hidden = done !== undefined || !this.#drawn.note;
    if (done === undefined) return;
    this.#bar.style.width = `${total ? (100 * done) / total : 0}%`;
    // What is one piece of work has nothing to count.
    this.#counts.textContent = total ? `${formatNumber(done, 0)} / ${formatNumber(total, 0)}` : "Computing";
  }

  /** Python's word on the window counts where no view is here to say it. */
  showWindow(window_: Window | null): void {
    if (this.#saying !== null || this.#handles.isHeld) return;
    this.#window = window_;
    this.refresh();
  }

  // -- what the view says ----------------------------------------------------------------------

  #hear(saying: Saying): void {
    this.#saying = saying;
    this.#window = saying.window;
    this.#showTabs();
    this.#tellMeasurement();
    this.refresh();
  }

  /** Python computes the figures of the measurement as it is drawn, saved or not. */
  #tellMeasurement(): void {
    const { what } = this;
    if (this.#saying === null || (what !== "profile" && what !== "curve")) return;
    const measurement = this.#saying[what];
    const told = JSON.stringify(measurement && drawnOnly(measurement));
    if (told === this.#told) return;
    this.#told = told;
    this.#mark(null, "not yet");
    this.options.send({ kind: "measured", measurement: JSON.parse(told) as unknown });
  }

  #choose(what: PlotName | ""): void {
    if (this.options.isDocked) askViews(this.options.key, { kind: "plot", what });
    else this.options.send({ kind: "what", what });
  }

  #showTabs(): void {
    const { what } = this;
    for (const [name, tab] of this.#tabs) {
      tab.setAttribute("aria-pressed", String(name === what));
      // In a cell the plot is what the code asked for; slice or volume is a choice of the same.
      tab.hidden = !this.options.isDocked && !(isHistogram(name) && isHistogram(what)) && name !== what;
    }
  }

  // -- what is dragged -------------------------------------------------------------------------

  /** Bring the handles to what is shown now. */
  refresh(): void {
    const { what, figures } = this.#drawn;
    if (this.#series === null || what === undefined) this.#handles.show([], null);
    else if (isHistogram(what)) this.#showWindowHandles(figures as HistogramFigures);
    else this.#handles.show([this.#placeHandle(what, figures)], null);
  }

  #showWindowHandles({ low, high, counts, units }: HistogramFigures): void {
    if (this.#window === null) {
      this.#handles.show([], null);
      return;
    }
    const { center, width } = this.#window;
    const [from, to] = [center - width / 2, center + width / 2];
    const range = high - low;
    const step = range / Math.max(counts.length, 1);
    const [least, most] = [Math.min(low, from) - range, Math.max(high, to) + range];
    const limit = (name: string, value: number, ends: [number, number], move: (value: number) => [number, number]): Handle => ({
      name, value, step, look: "limit", from: ends[0], to: ends[1], words: inWords(value, width, units),
      move: (next, telling) => this.#setWindow(...move(roundAtScale(next, width)), telling),
    });
    this.#handles.show([
      { ...limit("Level", center, [least, most], (next) => [next - width / 2, next + width / 2]), look: "middle" },
      limit("Lower limit of the window", from, [least, to - step], (next) => [next, to]),
      limit("Upper limit of the window", to, [from + step, most], (next) => [from, next]),
    ], [from, to]);
  }

  #setWindow(from: number, to: number, telling: Telling): void {
    const [center, width] = [(from + to) / 2, to - from];
    if (askViews(this.options.key, { kind: "window", center, width, telling })) return;
    const window_ = { center, width, function: this.#window?.function ?? "LINEAR" };
    if (window_.function === "LINEAR" && width < 1) window_.function = "LINEAR_EXACT"; // PS3.3 C.11.2.1.2.1
    this.#window = window_;
    this.refresh();
    if (telling !== "not yet") this.options.send({ kind: "state", window: window_ });
  }

  #placeHandle(what: PlotName, figures: unknown): Handle {
    const places = this.#series?.line.x ?? [];
    const isCurve = what === "curve";
    const value = isCurve ? (this.#saying?.step ?? 0) : (this.#place ?? 0);
    const at = Math.min(Math.max(value, 0), places.length - 1);
    return {
      name: isCurve ? `Place along ${(figures as CurveFigures).dim}` : "Place along the line", value: at, places, step: 1, look: "place", from: 0, to: places.length - 1,
      words: this.#series?.line.words[at] ?? "", move: (next, telling) => this.#goTo(what, Math.round(next), telling),
    };
  }

  /** Move the view to a point of the plot. */
  #goTo(what: PlotName, place: number, telling: Telling): void {
    if (what === "curve") {
      askViews(this.options.key, { kind: "step", step: place, telling });
      return;
    }
    this.#mark(place, telling);
    this.refresh();
  }

  #mark(place: number | null, telling: Telling): void {
    if (place === null && this.#place === null) return;
    this.#place = place;
    const last = (this.#series?.line.x.length ?? 0) - 1;
    askViews(this.options.key, { kind: "mark", part: place === null || last < 1 ? null : place / last, telling });
  }

  #click(event: MouseEvent): void {
    const [pressed, { what }, { frame }] = [this.#pressed, this.#drawn, this];
    if (pressed === null || frame === null || what === undefined || this.#series === null || this.#handles.element.contains(event.target as Node)) return;
    if (Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > CLICK_PX) return;
    const box = this.#box.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - frame.left, event.clientY - box.top - frame.top];
    const value = this.#handles.valueAt(event.clientX);
    if (value === null || x < 0 || x > frame.width || y < 0 || y > frame.height) return;
    if (!isHistogram(what)) this.#goTo(what, nearestIn(this.#series.line.x, value), "now");
    else if (this.#window !== null) {
      const [half, level] = [this.#window.width / 2, roundAtScale(value, this.#window.width)];
      this.#setWindow(level - half, level + half, "now");
    }
    this.#handles.focus();
  }
}

/** A measurement without its figures and what the archive adds. */
function drawnOnly(measurement: Measurement): Partial<Measurement> {
  const { values: _, author: _a, created_at: _c, updated_at: _u, deleted_at: _d, label: _l, ...drawn } = measurement;
  return drawn;
}
