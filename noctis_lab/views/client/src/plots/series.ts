/** What is drawn of a plot's figures: bars or points, their ranges and words. Pure. */
import { formatAtScale, formatNumber } from "../ground/numbers";
import type { PlotName } from "./names";

/** As `lab.measuring.plotted` gives them. */
export interface HistogramFigures {
  low: number;
  high: number;
  counts: number[];
  count: number;
  excluded: number;
  units: string | null;
  images: number;
}

export interface ProfileFigures {
  distances: number[];
  samples: (number | null)[];
  unit: "mm" | "px";
  units: string | null;
}

export interface CurveFigures {
  dim: string;
  along: (number | string)[];
  along_units: string | null;
  means: (number | null)[];
  sds: (number | null)[];
  counts: number[];
  units: string | null;
}

/** Everything that a figure shows; what there is none of is empty. */
export interface Series {
  bars: { left: number[]; right: number[]; top: number[] };
  line: { x: number[]; y: number[]; words: string[] };
  /** A standard deviation to both sides. */
  band: { x: number[]; low: number[]; high: number[] };
  x: [number, number];
  y: [number, number];
  xLabel: string;
  yLabel: string;
  /** Words for places along x that are no numbers. */
  xWords: Record<number, string>;
  /** One line below the title. */
  note: string;
}

const NONE = { bars: { left: [], right: [], top: [] }, line: { x: [], y: [], words: [] }, band: { x: [], low: [], high: [] }, xWords: {} };
const UNITS: Record<string, string> = { "s/mm2": "s/mm²" };
const DIMS: Record<string, string> = { b_value: "b-value", asl_context: "ASL context" };

const titled = (name: string, unit: string | null): string => (unit ? `${name}, ${UNITS[unit] ?? unit}` : name);
const counted = (count: number, one: string, many: string): string => `${formatNumber(count, 0)} ${count === 1 ? one : many}`;

/** A little room on both sides. */
function roomy(low: number, high: number, part = 0.05): [number, number] {
  const room = high > low ? (high - low) * part : Math.abs(low) * part || 1;
  return [low - room, high + room];
}

const bounds = (numbers: readonly number[]): [number, number] | null =>
  numbers.reduce<[number, number] | null>((found, value) => (Number.isFinite(value) ? (found ? [Math.min(found[0], value), Math.max(found[1], value)] : [value, value]) : found), null);

/** The outermost bins are where air and saturation pile up: they may leave at the top. */
export function histogramSeries({ low, high, counts, count, excluded, units, images }: HistogramFigures): Series {
  const step = (high - low) / counts.length;
  const left = counts.map((_, i) => low + i * step);
  const inner = counts.slice(1, -1);
  const top = Math.max(...inner, 0) || Math.max(...counts, 1);
  const notes = [
    counted(count, "value", "values"), images > 1 ? `of ${counted(images, "image", "images")}` : "",
    excluded > 0 ? `${counted(excluded, "voxel", "voxels")} of padding left out` : "", `bins of ${formatAtScale(step, step)}${units ? ` ${units}` : ""}`,
    Math.max(counts[0] ?? 0, counts.at(-1) ?? 0) > top ? "the outermost bins go on beyond the top" : "",
  ];
  return {
    ...NONE, bars: { left, right: left.map((edge) => edge + step), top: counts }, x: [low, high], y: [0, top * 1.06],
    xLabel: titled("Value", units), yLabel: "Voxels", note: notes.filter((part) => part !== "").join(", "),
  };
}

export function profileSeries({ distances, samples, unit, units }: ProfileFigures): Series {
  const y = samples.map((value) => value ?? NaN);
  const words = samples.map((value, i) => `${value === null ? "no value" : `${formatNumber(value, 2)} ${units ?? ""}`.trimEnd()} at ${formatNumber(distances[i] ?? 0, 2)} ${unit}`);
  return {
    ...NONE, line: { x: distances, y, words }, x: [0, distances.at(-1) || 1], y: roomy(...(bounds(y) ?? [0, 1])),
    xLabel: titled("Distance", unit), yLabel: titled("Value", units), note: `${counted(samples.length, "sample", "samples")}, linear between voxels`,
  };
}

export function curveSeries({ dim, along, along_units, means, sds, counts, units }: CurveFigures): Series {
  const isNumbers = along.every((place) => typeof place === "number");
  const x = isNumbers ? (along as number[]) : along.map((_, i) => i + 1);
  const y = means.map((value) => value ?? NaN);
  const sd = sds.map((value) => value ?? 0);
  const name = DIMS[dim] ?? dim;
  const words = means.map((value, i) => {
    const at = isNumbers ? `${formatNumber(x[i] as number, 2)} ${UNITS[along_units ?? ""] ?? along_units ?? ""}`.trimEnd() : String(along[i]);
    const spread = sds[i] === null || sds[i] === undefined ? "" : ` ± ${formatNumber(sds[i] as number, 2)}`;
    return `${value === null ? "no value" : `${formatNumber(value, 2)}${spread} ${units ?? ""}`.trimEnd()} at ${name} ${at}`;
  });
  const whole = y.flatMap((value, i) => [value - (sd[i] as number), value + (sd[i] as number)]);
  const isSpread = sds.some((value) => value !== null);
  const voxels = Math.max(...counts, 0);
  return {
    ...NONE, line: { x, y, words }, band: isSpread ? { x, low: y.map((value, i) => value - (sd[i] as number)), high: y.map((value, i) => value + (sd[i] as number)) } : NONE.band,
    x: roomy(...(bounds(x) ?? [0, 1])), y: roomy(...(bounds(whole) ?? [0, 1])), xLabel: titled(name.charAt(0).toUpperCase() + name.slice(1), isNumbers ? along_units : null),
    yLabel: titled("Mean", units), xWords: isNumbers ? {} : Object.fromEntries(along.map((place, i) => [i + 1, String(place)])),
    note: `${counted(voxels, "voxel", "voxels")}${isSpread ? ", with a standard deviation to both sides" : ""}`,
  };
}

export function seriesOf(what: PlotName, figures: unknown): Series {
  if (what === "profile") return profileSeries(figures as ProfileFigures);
  if (what === "curve") return curveSeries(figures as CurveFigures);
  return histogramSeries(figures as HistogramFigures);
}

/** Round a limit of a window as its width deserves: the other limit stays where it is. */
export function roundAtScale(value: number, width: number): number {
  const unit = width >= 20 ? 1 : 10 ** (Math.floor(Math.log10(Math.max(width, 1e-12))) - 2);
  return Number((Math.round(value / unit) * unit).toPrecision(12));
}

/** Return the index of the place that is nearest to a value. */
export function nearestIn(places: readonly number[], value: number): number {
  let nearest = 0;
  places.forEach((place, i) => { if (Math.abs(place - value) < Math.abs((places[nearest] as number) - value)) nearest = i; });
  return nearest;
}
