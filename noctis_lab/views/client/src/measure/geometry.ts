/** Lengths, angles and areas of points of one unit: millimetres, or voxels where a frame states no spacing. Pure. */
import type { Point } from "./area";

/** (row, column), mm; null: nothing is known of a voxel's size, and lengths are voxels. */
export type Spacing = readonly [number, number] | null;

/** Return voxel coordinates in millimetres of the frame, or as they are. */
export function scaledBy(spacing: Spacing, points: readonly Point[]): readonly Point[] {
  if (spacing === null) return points;
  return points.map(([column, row]) => [column * spacing[1], row * spacing[0]] as const);
}

/** Return the distance of two points. */
export function lengthOf(from: Point, to: Point): number {
  return Math.hypot(to[0] - from[0], to[1] - from[1]);
}

/** Return the angle between two directions, 0 to 180°; null where one has no length. */
function between([x0, y0]: Point, [x1, y1]: Point): number | null {
  if ((x0 === 0 && y0 === 0) || (x1 === 0 && y1 === 0)) return null;
  // Not by the arc cosine, which loses half of the digits near 0 and 180°.
  return (Math.atan2(Math.abs(x0 * y1 - y0 * x1), x0 * x1 + y0 * y1) * 180) / Math.PI;
}

const step = (from: Point, to: Point): Point => [to[0] - from[0], to[1] - from[1]];

/** Return the angle at the middle one of three points, 0 to 180°. */
export function angleAt(one: Point, vertex: Point, other: Point): number | null {
  return between(step(vertex, one), step(vertex, other));
}

/** Return the lesser angle of two lines, 0 to 90°: a line has no direction. */
export function cobbAngle(from: Point, to: Point, otherFrom: Point, otherTo: Point): number | null {
  const angle = between(step(from, to), step(otherFrom, otherTo));
  return angle === null ? null : Math.min(angle, 180 - angle);
}

/** Return the way around a closed outline: its sides in the order in which they were drawn. */
export function outlineLength(points: readonly Point[]): number {
  return points.reduce((sum, point, i) => sum + lengthOf(point, points[(i + 1) % points.length] as Point), 0);
}

/** Return the way around an ellipse by its half axes: the complete elliptic integral by the arithmetic-geometric mean. */
export function ellipseLength(one: number, other: number): number {
  const [large, small] = [Math.max(one, other), Math.min(one, other)];
  if (small === 0) return 4 * large;
  let [mean, geometric, weight] = [large, small, 0.5];
  let rest = large * large - weight * (large * large - small * small);
  while (mean - geometric > 1e-15 * mean) {
    const difference = (mean - geometric) / 2;
    [mean, geometric] = [(mean + geometric) / 2, Math.sqrt(mean * geometric)];
    weight *= 2;
    rest -= weight * difference * difference;
  }
  return (2 * Math.PI * rest) / mean;
}

/** A side that is not level, from its upper end to its lower one. */
type Side = readonly [upper: Point, lower: Point];

function sidesOf(points: readonly Point[]): Side[] {
  return points.flatMap((point, i): Side[] => {
    const next = points[(i + 1) % points.length] as Point;
    return point[1] === next[1] ? [] : [point[1] < next[1] ? [point, next] : [next, point]];
  }).sort((one, other) => one[0][1] - other[0][1]);
}

/** Return the heights at which two sides cross between their ends. */
function crossingHeights(sides: readonly Side[]): number[] {
  const heights: number[] = [];
  sides.forEach(([upper, lower], i) => {
    const along = step(upper, lower);
    for (let k = i + 1; k < sides.length; k += 1) {
      const [otherUpper, otherLower] = sides[k] as Side;
      if (otherUpper[1] >= lower[1]) break;
      const [otherAlong, apart] = [step(otherUpper, otherLower), step(upper, otherUpper)];
      const cross = along[0] * otherAlong[1] - along[1] * otherAlong[0];
      const mine = (apart[0] * otherAlong[1] - apart[1] * otherAlong[0]) / cross;
      const theirs = (apart[0] * along[1] - apart[1] * along[0]) / cross;
      if (mine > 0 && mine < 1 && theirs > 0 && theirs < 1) heights.push(upper[1] + mine * along[1]);
    }
  });
  return heights;
}

/**
 * Return what a closed outline encloses, what it encloses twice left out.
 *
 * Between two neighbouring heights with a corner or a crossing all sides are straight and in one
 * order: the width of the inside, at the middle between them, is its mean.
 */
export function evenOddArea(points: readonly Point[]): number {
  const sides = sidesOf(points);
  const heights = [...new Set([...points.map((point) => point[1]), ...crossingHeights(sides)])].sort((one, other) => one - other);
  let area = 0;
  for (let i = 0; i + 1 < heights.length; i += 1) {
    const [top, bottom] = [heights[i] as number, heights[i + 1] as number];
    const middle = (top + bottom) / 2;
    const places: number[] = [];
    for (const [upper, lower] of sides) {
      if (upper[1] > middle) break;
      if (lower[1] > middle) places.push(upper[0] + (lower[0] - upper[0]) * ((middle - upper[1]) / (lower[1] - upper[1])));
    }
    places.sort((one, other) => one - other);
    for (let k = 0; k + 1 < places.length; k += 2) area += ((places[k + 1] as number) - (places[k] as number)) * (bottom - top);
  }
  return area;
}
