/** Figures for people: what stands at a shape, in the list, and what is said aloud. Pure. */
import { formatNumber } from "../ground/numbers";
import { factsOf, type Measurement, type Values } from "./shapes";

/** Write a number of modality units as precisely as the scale of what stands beside it deserves; alone, a whole one whole. */
export function formatFigure(value: number, beside?: number): string {
  if (beside === undefined && Number.isInteger(value)) return formatNumber(value, 0);
  const scale = beside ?? Math.abs(value);
  const digits = scale >= 10 ? 1 : scale >= 1 || scale === 0 ? 2 : Math.min(9, 2 - Math.floor(Math.log10(scale)));
  return formatNumber(value, digits, { fixed: true });
}

const withUnits = (text: string, units: string | null | undefined): string => (units ? `${text} ${units}` : text);

/** "41.5 mm", or voxels where nothing states their size. */
function lengthWords(mm: number | undefined, px: number | undefined): string | null {
  if (mm !== undefined) return `${formatNumber(mm, mm >= 1 ? 1 : 3, { fixed: true })} mm`;
  return px === undefined ? null : `${formatNumber(px, 1, { fixed: true })} px`;
}

/** "11.1 cm²" from 1 cm² on, "93.4 mm²" below. */
function areaWords({ area_mm2, area_px2 }: Values): string | null {
  if (area_mm2 === undefined) return area_px2 === undefined ? null : `${formatNumber(area_px2, 1, { fixed: true })} px²`;
  return area_mm2 >= 100 ? `${formatNumber(area_mm2 / 100, area_mm2 >= 1000 ? 1 : 2, { fixed: true })} cm²`
    : `${formatNumber(area_mm2, area_mm2 >= 1 ? 1 : 3, { fixed: true })} mm²`;
}

/** "103.3 ± 18.2 HU" */
function spreadWords({ mean, sd, units }: Values): string | null {
  if (typeof mean !== "number" || typeof sd !== "number") return null;
  const scale = Math.max(Math.abs(mean), sd);
  return withUnits(`${formatFigure(mean, scale)} ± ${formatFigure(sd, scale)}`, units);
}

const angleWords = ({ angle_deg }: Values): string | null =>
  (typeof angle_deg === "number" ? `${formatNumber(angle_deg, 1, { fixed: true })}°` : null);

/** Return the figures of a measurement, the one that matters most first. */
export function figureLines({ kind, values }: Pick<Measurement, "kind" | "values">): string[] {
  const lines: (string | null)[] = [];
  if (kind === "length") lines.push(lengthWords(values.length_mm, values.length_px));
  else if (kind === "profile") lines.push(lengthWords(values.length_mm, values.length_px), spreadWords(values));
  else if (kind === "angle" || kind === "cobb") lines.push(angleWords(values));
  else if (kind === "bidirectional") {
    const [length, width] = [lengthWords(values.length_mm, values.length_px), lengthWords(values.width_mm, values.width_px)];
    lines.push(length && width && `${length.replace(/ \S+$/, "")} × ${width}`);
  } else if (kind === "probe") {
    lines.push(typeof values.value === "number" ? withUnits(formatFigure(values.value), values.units) : "no value");
  } else if (factsOf(kind).isArea) lines.push(spreadWords(values), areaWords(values));
  return lines.filter((line): line is string => line !== null && line !== "");
}

/** Return what a measurement is called: its label, or its kind. */
export const titleOf = ({ label, kind }: Pick<Measurement, "label" | "kind">): string => (label === "" ? factsOf(kind).name : label);

/** Name and figure, two by two, of what is known of a measurement beyond its first figure. */
export function detailsOf({ kind, values }: Measurement): [name: string, figure: string][] {
  const details: [string, string | null][] = [];
  const { mean, sd, median, min, max, count, excluded } = values;
  const number = (value: number | null | undefined): string | null => (typeof value === "number" ? formatFigure(value, Math.max(Math.abs(mean ?? value), sd ?? 0)) : null);
  if (typeof mean === "number") {
    details.push(["Mean", number(mean)], ["SD", number(sd)], ["Median", number(median)]);
    if (typeof min === "number" && typeof max === "number") details.push(["Range", `${formatFigure(min)} to ${formatFigure(max)}`]);
  }
  if (factsOf(kind).isArea) {
    details.push(["Area", areaWords(values)], ["Voxels", count === undefined ? null : formatNumber(count, 0)],
      ["Perimeter", lengthWords(values.perimeter_mm, values.perimeter_px)]);
  } else if (kind === "profile") details.push(["Length", lengthWords(values.length_mm, values.length_px)], ["Samples", count === undefined ? null : formatNumber(count, 0)]);
  else if (kind === "bidirectional") details.push(["Longer", lengthWords(values.length_mm, values.length_px)], ["Shorter", lengthWords(values.width_mm, values.width_px)]);
  if (excluded) details.push(["Without value", formatNumber(excluded, 0)]);
  return details.filter((item): item is [string, string] => item[1] !== null);
}

/** Return what is said aloud of a measurement. */
export function spoken(measurement: Measurement): string {
  const figures = figureLines(measurement).join(", ").replaceAll("±", "plus or minus").replaceAll("−", "minus ");
  return `${titleOf(measurement)}${figures === "" ? "" : `: ${figures}`}${measurement.values.clipped ? ", leaves the image" : ""}`;
}
