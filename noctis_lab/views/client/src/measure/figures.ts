/** All figures of one measurement on one plane: the same digits as Python's `figures_of`. Pure. */
import { areaOf, leavesImage, type Point } from "./area";
import { angleAt, cobbAngle, ellipseLength, evenOddArea, lengthOf, outlineLength, scaledBy, type Spacing } from "./geometry";
import { sampleLine, valueAt } from "./profile";
import type { Kind, Values } from "./shapes";
import { type Grid, histogramIn, statisticsIn, statisticsOf } from "./statistics";

/** What a measurement lies on. */
export interface Ground {
  columns: number;
  rows: number;
  spacing_mm: Spacing;
  units: string | null;
  /** Null where the pixels are colours, or are not here yet. */
  grid: Grid | null;
}

/** How much is asked for: under the mouse neither a histogram nor the samples of a profile. */
export type Detail = "all" | "moving";

/** Return the figures of a kind; lengths are `_mm`, or `_px` where the ground states no spacing. */
export function figuresOf(kind: Kind, points: readonly Point[], ground: Ground, detail: Detail = "all"): Values {
  const unit = ground.spacing_mm === null ? "px" : "mm";
  const scaled = scaledBy(ground.spacing_mm, points);
  const [p0, p1, p2, p3] = scaled as readonly (Point | undefined)[];
  if (kind === "probe") return probeFigures(points, ground);
  if (p0 === undefined || p1 === undefined || kind === "arrow" || kind === "text") return {};
  if (kind === "length") return { [`length_${unit}`]: lengthOf(p0, p1) };
  if (kind === "profile") return { [`length_${unit}`]: lengthOf(p0, p1), ...profileFigures(points, ground, lengthOf(p0, p1), unit) };
  if (kind === "angle") return p2 ? { angle_deg: angleAt(p0, p1, p2) } : {};
  if (kind === "cobb") return p2 && p3 ? { angle_deg: cobbAngle(p0, p1, p2, p3) } : {};
  if (kind === "bidirectional") {
    const lengths = [lengthOf(p0, p1), p2 && p3 ? lengthOf(p2, p3) : 0];
    return { [`length_${unit}`]: Math.max(...lengths), [`width_${unit}`]: Math.min(...lengths) };
  }
  return areaFigures(kind, points, scaled, ground, detail);
}

function probeFigures(points: readonly Point[], ground: Ground): Values {
  const [point] = points;
  const clipped = leavesImage(points, ground);
  return point === undefined || ground.grid === null ? { clipped } : { clipped, value: valueAt(ground.grid, point), units: ground.units };
}

function profileFigures(points: readonly Point[], ground: Ground, length: number, unit: "mm" | "px"): Values {
  const clipped = leavesImage(points, ground);
  if (ground.grid === null) return { clipped };
  const samples = sampleLine(ground.grid, points[0] as Point, points[1] as Point);
  return {
    clipped, ...statisticsOf(samples), units: ground.units,
    [`step_${unit}`]: length / (samples.length - 1), samples: Array.from(samples, (value) => (Number.isFinite(value) ? value : null)),
  };
}

function areaFigures(kind: Kind, points: readonly Point[], scaled: readonly Point[], ground: Ground, detail: Detail): Values {
  const unit = ground.spacing_mm === null ? "px" : "mm";
  const [size, perimeter] = sizeOf(kind, scaled);
  const shape: Values = { [`area_${unit}2`]: size, [`perimeter_${unit}`]: perimeter, clipped: leavesImage(points, ground) };
  const area = ground.grid && areaOf(kind, points, ground);
  if (ground.grid === null || area === null) return shape;
  return {
    ...shape, ...statisticsIn(ground.grid, area), units: ground.units,
    ...(detail === "all" ? { histogram: histogramIn(ground.grid, area) } : {}),
  };
}

/** Return area and perimeter. */
function sizeOf(kind: Kind, points: readonly Point[]): [number, number] {
  const [one, other] = points as readonly [Point, Point];
  const [width, height] = [Math.abs(other[0] - one[0]), Math.abs(other[1] - one[1])];
  if (kind === "rectangle") return [width * height, 2 * (width + height)];
  if (kind === "ellipse") return [Math.PI * (width / 2) * (height / 2), ellipseLength(width / 2, height / 2)];
  return [evenOddArea(points), outlineLength(points)];
}
