/** Plots as a part of the viewer: the place below a page's images, and the view's end of the link to every plot of its state. */
import { el, svg } from "../ground/dom";
import type { Vector } from "../ground/plane";
import { pointsOn, isOn } from "../measure/seen";
import { factsOf, type Measurement } from "../measure/shapes";
import { ModelPane } from "../mpr/modelPane";
import { PlanePane } from "../mpr/pane";
import { type Asking, hearPlots, type Saying, tellPlots } from "../plots/link";
import { isPlot, type PlotName } from "../plots/names";
import { extraPlaceOf } from "./extra";
import type { Measured } from "./measured";
import type { Pane, Telling } from "./pane";
import { makeWindow } from "./windowing";

/** The application around it. */
export interface DockedApp {
  readonly viewer: Pane;
  readonly measured: Measured;
  onSay(words: string): void;
  /** Another plot is shown, or none. */
  onPlot(): void;
}

const NO_PLACE = "Plots stand in cells of their own here: view.histogram(), view.profile(), view.curve()";

export class PlotDock {
  /** The images, and the plot below them. */
  readonly element: HTMLElement;
  readonly #dock: HTMLElement;
  readonly #mark = svg("svg", { class: "plot-mark", width: "17", height: "17", viewBox: "-8.5 -8.5 17 17", "aria-hidden": "true" },
    svg("path", { class: "halo", d: "M-7 0H-2M2 0H7M0 -7V-2M0 2V7" }), svg("path", { class: "ink", d: "M-7 0H-2M2 0H7M0 -7V-2M0 2V7" }));
  readonly #unhear: () => void;
  #plot: PlotName | "" = "";
  #last: PlotName = "slice-histogram";
  #telling = 0;
  /** A plot was heard: before that nothing is said. */
  #isHeard = false;
  #marked: { measurement: Measurement; part: number } | null = null;

  /** `child` is what Panel renders the plots into; a cell has none. */
  constructor(readonly app: DockedApp, readonly key: string, images: HTMLElement, readonly child: HTMLElement | null) {
    this.#dock = el("div", { class: "dock", hidden: true }, child);
    this.element = el("div", { class: "middle" }, images, this.#dock);
    this.#unhear = hearPlots(key, (asking) => this.#hear(asking));
  }

  get plot(): PlotName | "" {
    return this.#plot;
  }

  toggle(): void {
    this.show(this.#plot === "" ? this.#last : "");
    if (this.#plot === "") this.app.viewer.focus();
    this.app.onPlot();
  }

  /** Show a plot, or none; what is none of ours is passed over. */
  show(plot: unknown): void {
    if (plot === this.#plot || (plot !== "" && !isPlot(plot))) return;
    if (this.child === null) {
      if (plot !== "") this.app.onSay(NO_PLACE);
      return;
    }
    this.#plot = plot;
    if (plot !== "") this.#last = plot;
    this.#dock.hidden = plot === "";
    window.dispatchEvent(new Event("resize")); // Bokeh lays out what was hidden
    this.changed();
  }

  /** Something of the view changed: plots hear of it at the next frame of the screen. */
  changed(): void {
    if (!this.#isHeard || this.#telling !== 0) return;
    this.#telling = requestAnimationFrame(() => {
      this.#telling = 0;
      tellPlots(this.key, this.#saying());
    });
  }

  /** A pane shows another image, or the same elsewhere. */
  onPainted(): void {
    this.#drawMark();
    this.changed();
  }

  close(): void {
    cancelAnimationFrame(this.#telling);
    this.#unhear();
  }

  #saying(): Saying {
    const { viewer } = this.app;
    const index = viewer.kind === "stack" ? viewer.state.index : null;
    const place = viewer.stack !== null && index !== null ? extraPlaceOf(viewer.stack, index) : null;
    const step = viewer instanceof ModelPane ? (viewer.data.volume?.extra_index ?? null) : (place?.at ?? null);
    return {
      plot: this.#plot, window: viewer.window, step, profile: this.#measurement((item) => item.kind === "profile"),
      curve: this.#measurement((item) => factsOf(item.kind).isArea || item.kind === "probe"),
    };
  }

  /** The selected measurement, where it fits, or the series' latest; while one is moved, as it was. */
  #measurement(fits: (item: Measurement) => boolean): Measurement | null {
    const { measuring } = this.app.measured;
    const selected = measuring.grab?.before ?? measuring.selected;
    const series = this.app.viewer.state.SeriesInstanceUID;
    if (selected && selected.SeriesInstanceUID === series && fits(selected)) return selected;
    return measuring.store.ofSeries(series).filter(fits).at(-1) ?? null;
  }

  // -- what a plot asks for --------------------------------------------------------------------

  #hear(asking: Asking): boolean {
    this.#isHeard = true;
    const { viewer } = this.app;
    if (asking.kind === "hello") this.changed();
    else if (asking.kind === "window") {
      viewer.setWindow(makeWindow(asking.center, asking.width, viewer.window?.function), asking.telling);
    } else if (asking.kind === "step") this.#toStep(asking.step, asking.telling);
    else if (asking.kind === "mark") this.#toMark(asking.part, asking.telling);
    else if (asking.kind === "plot") {
      if (this.child === null) return false;
      this.show(asking.what);
      this.app.onPlot();
      if (asking.what === "") viewer.focus();
    } else viewer.focus();
    return true;
  }

  #toStep(step: number, telling: Telling): void {
    const { viewer } = this.app;
    if (viewer instanceof ModelPane && viewer.data.setExtra(step)) {
      if (telling !== "not yet") viewer.tell();
      return;
    }
    const place = viewer.stack !== null && viewer.state.index !== null ? extraPlaceOf(viewer.stack, viewer.state.index) : null;
    if (place === null || viewer.kind !== "stack") this.app.onSay("What is in view has one image at each place");
    else if (step >= 0 && step < place.size) viewer.set({ index: Math.round(step) * place.planes + place.plane }, telling);
  }

  /** Show where a part of the profile line lies: a mark on its image, the crosshair on planes. */
  #toMark(part: number | null, telling: Telling): void {
    const measurement = part === null ? null : this.#measurement((item) => item.kind === "profile");
    this.#marked = measurement === null || part === null ? null : { measurement, part };
    if (this.#marked === null || measurement === null || part === null) {
      this.#mark.remove();
      return;
    }
    const { viewer, measured } = this.app;
    const plane = viewer.plane();
    if (plane === null || !isOn(measurement, plane)) measured.onJump(measurement);
    const ends = measurement.points_mm;
    if (measurement.plane !== null && viewer instanceof PlanePane && ends?.length === 2) {
      viewer.model.moveTo([0, 1, 2].map((i) => between(ends[0]?.[i] ?? 0, ends[1]?.[i] ?? 0, part)) as Vector);
      if (telling !== "not yet") viewer.tell();
    }
    this.#drawMark();
  }

  #drawMark(): void {
    const plane = this.#marked === null ? null : this.app.viewer.plane();
    const points = plane !== null && this.#marked !== null && isOn(this.#marked.measurement, plane) ? pointsOn(this.#marked.measurement, plane) : [];
    const [from, to] = points;
    if (plane === null || this.#marked === null || from === undefined || to === undefined) {
      this.#mark.remove();
      return;
    }
    const { part } = this.#marked;
    const [x, y] = plane.fromVoxel(between(from[0], to[0], part), between(from[1], to[1], part));
    this.#mark.style.cssText = `left:${x - 8.5}px;top:${y - 8.5}px`;
    const { element } = this.app.viewer;
    if (this.#mark.parentElement !== element) element.append(this.#mark);
  }
}

const between = (from: number, to: number, part: number): number => from + (to - from) * part;
