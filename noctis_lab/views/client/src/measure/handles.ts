/** How a shape is taken and changed: its handles, what lies under the mouse, its outline. Pure. */
import type { Point } from "./area";
import { factsOf, type Kind } from "./shapes";

/** A place at which a shape can be taken. */
export interface Handle {
  at: Point;
  /** The shape's points when this handle is put elsewhere. */
  moved(to: Point): Point[];
}

const withPoint = (points: readonly Point[], index: number, point: Point): Point[] => points.map((kept, i) => (i === index ? point : kept));

/** Handles of a box of two corners: which point's column, and which one's row, each of them moves. */
function boxHandles([one, other]: readonly [Point, Point], isEllipse: boolean): Handle[] {
  const middle: Point = [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
  const corners = [one, other];
  const box = (column: 0 | 1 | null, row: 0 | 1 | null): Handle => ({
    at: [column === null ? middle[0] : (corners[column] as Point)[0], row === null ? middle[1] : (corners[row] as Point)[1]],
    moved: (to) => corners.map(([x, y], i): Point => [i === column ? to[0] : x, i === row ? to[1] : y]),
  });
  return isEllipse ? [box(0, null), box(null, 0), box(1, null), box(null, 1)] : [box(0, 0), box(1, 0), box(1, 1), box(0, 1)];
}

/** Return a shape's handles. */
export function handlesOf(kind: Kind, points: readonly Point[]): Handle[] {
  if (factsOf(kind).isBox && points.length === 2) return boxHandles(points as [Point, Point], kind === "ellipse");
  if (kind === "freehand") return [];
  return points.map((at, i) => ({ at, moved: (to) => withPoint(points, i, to) }));
}

/** Return points moved as a whole. */
export function shifted(points: readonly Point[], [columns, rows]: Point): Point[] {
  return points.map(([column, row]) => [column + columns, row + rows]);
}

const ELLIPSE_STEPS = 72;

/** Return the lines that a shape is drawn by, each from point to point. */
export function linesOf(kind: Kind, points: readonly Point[]): Point[][] {
  const [p0, p1, p2, p3] = points as readonly (Point | undefined)[];
  if (p0 === undefined || kind === "probe" || kind === "text") return [];
  if (p1 === undefined) return [];
  if (kind === "ellipse") return [ellipseOutline(p0, p1)];
  if (kind === "rectangle") return [[p0, [p1[0], p0[1]], p1, [p0[0], p1[1]], p0]];
  if (factsOf(kind).isArea) return [[...points, p0]];
  if (kind === "cobb" || kind === "bidirectional") return [[p0, p1], ...(p2 && p3 ? [[p2, p3]] : [])];
  return [[...points]];
}

function ellipseOutline(one: Point, other: Point): Point[] {
  const [x, y] = [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
  const [a, b] = [(other[0] - one[0]) / 2, (other[1] - one[1]) / 2];
  return Array.from({ length: ELLIPSE_STEPS + 1 }, (_, i) => {
    const turn = (2 * Math.PI * i) / ELLIPSE_STEPS;
    return [x + a * Math.cos(turn), y + b * Math.sin(turn)] as const;
  });
}

/** Return the distance of a point from the line between two. */
function distanceToLine([x, y]: Point, [x0, y0]: Point, [x1, y1]: Point): number {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const square = dx * dx + dy * dy;
  const part = square === 0 ? 0 : Math.min(Math.max(((x - x0) * dx + (y - y0) * dy) / square, 0), 1);
  return Math.hypot(x - x0 - part * dx, y - y0 - part * dy);
}

/** Return the least distance of a point from lines. */
export function distanceToLines(point: Point, lines: readonly (readonly Point[])[]): number {
  let least = Infinity;
  for (const line of lines) {
    for (let i = 0; i + 1 < line.length; i += 1) least = Math.min(least, distanceToLine(point, line[i] as Point, line[i + 1] as Point));
  }
  return least;
}
