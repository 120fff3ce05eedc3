/** Small plots for the panel: the histogram of an area, the values along a line. */
import { svg } from "../ground/dom";
import { formatFigure } from "./words";
import type { Values } from "./shapes";

const WIDTH = 268;
const HEIGHT = 56;
const FOOT = 16;

const plot = (name: string, ...children: SVGElement[]): SVGSVGElement =>
  svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + FOOT}`, width: "100%", class: "plot", role: "img", "aria-label": name },
    ...children, svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT + 0.5, y2: HEIGHT + 0.5, class: "base" }));

const foot = (left: string, middle: string, right: string): SVGElement[] => [
  svg("text", { x: 0, y: HEIGHT + 13 }, left), svg("text", { x: WIDTH / 2, y: HEIGHT + 13, "text-anchor": "middle" }, middle),
  svg("text", { x: WIDTH, y: HEIGHT + 13, "text-anchor": "end" }, right),
];

/** Return the plot of a measurement's values, or null where it has none to draw. */
export function plotOf(values: Values): SVGSVGElement | null {
  if (values.samples && values.samples.length > 1) return profilePlot(values, values.samples);
  return values.histogram && (values.count ?? 0) > 1 ? histogramPlot(values, values.histogram) : null;
}

function histogramPlot({ units, mean }: Values, { low, high, counts }: NonNullable<Values["histogram"]>): SVGSVGElement {
  const top = Math.max(...counts, 1);
  const bin = WIDTH / counts.length;
  const outline = counts.map((count, i) => {
    const y = (HEIGHT - (count / top) * (HEIGHT - 4)).toFixed(1);
    return `${(i * bin).toFixed(1)},${y} ${((i + 1) * bin).toFixed(1)},${y}`;
  }).join(" ");
  const at = typeof mean === "number" && high > low ? ((mean - low) / (high - low)) * WIDTH : null;
  return plot(`Histogram from ${formatFigure(low)} to ${formatFigure(high)}`,
    svg("polygon", { points: `0,${HEIGHT} ${outline} ${WIDTH},${HEIGHT}`, class: "area" }),
    ...(at === null ? [] : [svg("line", { x1: at, x2: at, y1: 0, y2: HEIGHT, class: "mean" })]),
    ...foot(formatFigure(low), units ?? "", formatFigure(high)));
}

function profilePlot({ units, min, max, length_mm, length_px }: Values, samples: readonly (number | null)[]): SVGSVGElement {
  const [low, high] = [min ?? 0, max ?? 1];
  const range = high > low ? high - low : 1;
  const step = WIDTH / (samples.length - 1);
  let pen = "M";
  const d = samples.map((value, i) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const piece = `${pen}${(i * step).toFixed(1)} ${(HEIGHT - 3 - ((value - low) / range) * (HEIGHT - 8)).toFixed(1)}`;
    pen = "L";
    return piece;
  }).join("");
  const length = length_mm === undefined ? `${(length_px ?? 0).toFixed(1)} px` : `${length_mm.toFixed(1)} mm`;
  const span = `${formatFigure(low)} to ${formatFigure(high)}${units ? ` ${units}` : ""}`;
  return plot(`Values along the line: ${span}`, svg("path", { d, class: "curve" }), ...foot("0", span, length));
}
