/** The window panel's chart: the slice's histogram, the window over it and its two handles. */
import { svg } from "../ground/dom";
import { Made } from "../ground/made";
import { formatAtScale } from "../ground/numbers";
import { type Colormap, stopsOf } from "./colormaps";
import { ticksBetween } from "./histogram";

export const CHART_WIDTH = 312;
/** What a number of six digits takes below the chart. */
export const LABEL_WIDTH = 46;
const HEIGHT = 72;
export const BINS = 156;

export type End = "low" | "high";

/** What levels are shown in; null: nothing is shown. */
export interface Colours {
  name: Colormap;
  isReversed: boolean;
}

export class WindowChart {
  readonly #ramp = svg("linearGradient", { id: "ramp" });
  readonly #clip = svg("rect", { x: 0, y: 0, width: 0, height: HEIGHT });
  readonly #inside = svg("rect", { x: 0, y: 0, width: 0, height: HEIGHT, class: "inside" });
  readonly #outer = svg("polygon", { class: "outer" });
  readonly #inner = svg("polygon", { class: "inner", "clip-path": "url(#inside)" });
  readonly #below = svg("rect", { x: 0, y: 76, width: CHART_WIDTH, height: 8, rx: 2, class: "frame" });
  readonly #shades = svg("rect", { x: 0, y: 76, width: 0, height: 8, fill: "url(#ramp)" });
  readonly #above = svg("rect", { x: 0, y: 76, width: 0, height: 8, rx: 2 });
  readonly #low: SVGElement;
  readonly #high: SVGElement;
  readonly #labels = svg("g");
  readonly element: SVGElement;
  readonly #made = { window: new Made(), outline: new Made(), ramp: new Made() };

  constructor(onGrab: (end: End, event: PointerEvent) => void) {
    const handle = (end: End): SVGElement => svg("g", { class: "handle", pointerdown: ((event: PointerEvent) => onGrab(end, event)) as EventListener },
      svg("rect", { x: -8, y: 0, width: 16, height: 84, fill: "transparent" }),
      svg("line", { x1: 0, x2: 0, y1: 0, y2: 84 }), svg("rect", { x: -4, y: 27, width: 8, height: 18, rx: 3, class: "grip" }));
    this.#low = handle("low");
    this.#high = handle("high");
    this.element = svg("svg", { viewBox: `0 0 ${CHART_WIDTH} 106`, width: "100%", class: "histogram" },
      svg("defs", {}, this.#ramp, svg("clipPath", { id: "inside" }, this.#clip)),
      this.#inside, this.#outer, this.#inner,
      svg("line", { x1: 0, x2: CHART_WIDTH, y1: HEIGHT + 0.5, y2: HEIGHT + 0.5, class: "base" }),
      this.#below, this.#shades, this.#above, this.#low, this.#high, this.#labels);
  }

  /** Show a window from `low` to `high` over a histogram's outline; what stays is not drawn again. */
  show([low, high]: readonly [number, number], range: readonly [number, number], outline: string, colours: Colours | null): void {
    if (this.#made.outline.isNew(outline)) {
      for (const polygon of [this.#outer, this.#inner]) polygon.setAttribute("points", outline);
    }
    if (this.#made.ramp.isNew(colours?.name, colours?.isReversed)) this.#colour(colours);
    if (this.#made.window.isNew(low, high, ...range)) this.#place(low, high, range);
  }

  #colour(colours: Colours | null): void {
    const stops = colours === null ? [] : stopsOf(colours.name, colours.isReversed);
    this.#ramp.replaceChildren(...stops.map(({ offset, colour }) => svg("stop", { offset, "stop-color": colour })));
    this.#below.setAttribute("fill", stops[0]?.colour ?? "#000");
    this.#above.setAttribute("fill", stops.at(-1)?.colour ?? "#fff");
  }

  #place(low: number, high: number, range: readonly [number, number]): void {
    const [from, to] = [placeOf(low, range), placeOf(high, range)];
    for (const part of [this.#clip, this.#inside, this.#shades]) span(part, from, to);
    span(this.#above, to, CHART_WIDTH);
    this.#low.setAttribute("transform", `translate(${from} 0)`);
    this.#high.setAttribute("transform", `translate(${to} 0)`);
    this.#labels.replaceChildren(...labelsOf(low, high, range).map((label) => textOf(label, range[1] - range[0])));
  }
}

/** Return a histogram's outline as a polygon's points. */
export function outlineOf(counts: Uint32Array): string {
  const top = Math.max(...counts.subarray(1, BINS - 1), 1);
  const bin = CHART_WIDTH / BINS;
  const points = Array.from(counts, (count, i) => {
    const y = (HEIGHT - Math.min(count / top, 1) * (HEIGHT - 4)).toFixed(1);
    return `${(i * bin).toFixed(1)},${y} ${((i + 1) * bin).toFixed(1)},${y}`;
  }).join(" ");
  return `0,${HEIGHT} ${points} ${CHART_WIDTH},${HEIGHT}`;
}

const placeOf = (value: number, [from, to]: readonly [number, number]): number =>
  Math.min(Math.max(((value - from) / (to - from)) * CHART_WIDTH, 0), CHART_WIDTH);

function span(rect: SVGElement, from: number, to: number): void {
  rect.setAttribute("x", String(from));
  rect.setAttribute("width", String(Math.max(to - from, 0)));
}

/** A number below the chart: where, at what it ends, and whether it is one of the window's. */
export interface Label { value: number; x: number; anchor: "start" | "middle" | "end"; style: "strong" | "" }

/** Return the numbers below the chart, none over another: the window's two, and what of the range finds room. */
export function labelsOf(low: number, high: number, range: readonly [number, number]): Label[] {
  const [from, to] = range;
  const label = (value: number, style: Label["style"]): Label => {
    const x = placeOf(value, range);
    return { value, x, style, anchor: x < 16 ? "start" : x > CHART_WIDTH - 16 ? "end" : "middle" };
  };
  const ends: [Label, Label] = [label(low, "strong"), label(high, "strong")];
  const width = ends[1].x - ends[0].x;
  const isNarrow = width < LABEL_WIDTH;
  if (isNarrow) {
    // the two of a narrow window are written away from each other
    const room = 1.5 * LABEL_WIDTH;
    const middle = Math.min(Math.max(ends[0].x + width / 2, room), CHART_WIDTH - room);
    Object.assign(ends[0], { x: middle - width / 2 - 2, anchor: "end" });
    Object.assign(ends[1], { x: middle + width / 2 + 2, anchor: "start" });
  }
  const kept: Label[] = [...ends];
  for (const value of [from, to, ...ticksBetween(from, to)]) {
    const next = label(value, "");
    if (kept.every((other) => Math.abs(other.x - next.x) > (isNarrow && other.style ? 2 : 1) * LABEL_WIDTH)) kept.push(next);
  }
  return kept;
}

const textOf = ({ value, x, anchor, style }: Label, span: number): SVGElement =>
  svg("text", { x, y: 101, class: style, "text-anchor": anchor }, formatAtScale(value, span));
