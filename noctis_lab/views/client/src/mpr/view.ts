/** A plane on a canvas: where its pixels lie in the patient, and the grid on which a slab is projected first. Pure. */
import { indexAt, leastSpacing, placeAt, SNAP, type VolumeGeometry } from "./geometry";
import { latticeOf, type PlaneGrid } from "./plane";
import { cross, dot, minus, plus, scaled, type Vector } from "./vectors";

export interface ViewPlane {
  /** A place in the plane. */
  through: Vector;
  /** Unit vectors: to the right and down on the screen. */
  right: Vector;
  down: Vector;
}

export interface Canvas {
  width: number;
  height: number;
  mmPerPixel: number;
  /** What lies in the middle of the canvas, projected onto the plane. */
  centre: Vector;
}

/** Return the grid of a canvas's pixels; whole voxels a pixel come to lie on the pixels. */
export function canvasGrid(geometry: VolumeGeometry, { through, right, down }: ViewPlane, { width, height, mmPerPixel, centre }: Canvas): PlaneGrid {
  const normal = cross(right, down);
  const middle = plus(centre, scaled(normal, dot(minus(through, centre), normal)));
  const origin = plus(plus(middle, scaled(right, (0.5 - width / 2) * mmPerPixel)), scaled(down, (0.5 - height / 2) * mmPerPixel));
  const grid = { origin, right: scaled(right, mmPerPixel), down: scaled(down, mmPerPixel), columns: width, rows: height };
  return { ...grid, origin: plus(plus(origin, scaled(grid.right, offBorder(geometry, grid, "right"))), scaled(grid.down, offBorder(geometry, grid, "down"))) };
}

type Axis = "u" | "v" | "h";

/** Return which of a volume's axes a direction follows, alone, with what sign; null for none. */
function axisOf(geometry: VolumeGeometry, direction: Vector): { axis: Axis; sign: 1 | -1 } | null {
  const axes: [Axis, Vector][] = [["u", geometry.right], ["v", geometry.down], ["h", geometry.normal]];
  for (const [axis, along] of axes) {
    const cos = dot(direction, along);
    if (Math.abs(cos) > 1 - 1e-10) return { axis, sign: cos > 0 ? 1 : -1 };
  }
  return null;
}

const isSame = (values: Float64Array): boolean => values.every((value) => Math.abs(value - (values[0] as number)) < SNAP);
/** Whether voxels lie on straight lines along all three axes. */
function isUpright(geometry: VolumeGeometry): boolean {
  let is = upright.get(geometry);
  if (is === undefined) {
    is = geometry.isRegular && isSame(geometry.originColumns) && isSame(geometry.originRows);
    upright.set(geometry, is);
  }
  return is;
}

/** What was found of a geometry, which never changes. */
const upright = new WeakMap<VolumeGeometry, boolean>();

/** Return by how many pixels a grid must move so that borders of voxels lie on borders of pixels; 0 where none need to. */
function offBorder(geometry: VolumeGeometry, grid: PlaneGrid, side: "right" | "down"): number {
  const found = axisOf(geometry, scaled(grid[side], 1 / Math.hypot(...grid[side])));
  if (found === null || !isUpright(geometry)) return 0;
  const index = indexAt(geometry, grid.origin);
  const lattice = latticeOf(geometry, grid);
  const at = index[{ u: 0, v: 1, h: 2 }[found.axis]] as number;
  const part = lattice[found.axis];
  const step = (side === "right" ? part.across : part.along) / (found.axis === "h" ? geometry.step_mm : 1);
  const pixels = 1 / Math.abs(step);
  if (pixels < 1 - 1e-6 || Math.abs(pixels - Math.round(pixels)) > 1e-6) return 0;
  const border = (-0.5 - at) / step + 0.5;
  return border - Math.round(border);
}

/** Return the grid that a slab is projected on: the voxels' own where the plane is one of theirs, else of the least spacing. */
export function slabGrid(geometry: VolumeGeometry, plane: ViewPlane, canvas: PlaneGrid, coarsening = 1): PlaneGrid {
  const across = axisOf(geometry, plane.right);
  const along = axisOf(geometry, plane.down);
  if (across !== null && along !== null && isUpright(geometry) && coarsening === 1) return voxelGrid(geometry, plane, canvas, across, along);
  const spacing = leastSpacing(geometry) * coarsening;
  return gridAround(plane.through, plane, spacing, rangeOf(canvas, plane.through, plane, spacing, hullOf(geometry, plane, spacing)));
}

interface Range {
  right: [number, number];
  down: [number, number];
}

function gridAround(through: Vector, { right, down }: ViewPlane, spacing: number, range: Range): PlaneGrid {
  return {
    origin: plus(plus(through, scaled(right, range.right[0] * spacing)), scaled(down, range.down[0] * spacing)),
    right: scaled(right, spacing), down: scaled(down, spacing),
    columns: Math.max(range.right[1] - range.right[0] + 1, 1), rows: Math.max(range.down[1] - range.down[0] + 1, 1),
  };
}

/** Return the steps of a grid around a place that a canvas and the volume's hull both need. */
function rangeOf(canvas: PlaneGrid, through: Vector, plane: ViewPlane, spacing: number, hull: Range): Range {
  const offset = minus(canvas.origin, through);
  const range = (direction: Vector, step: Vector, count: number, [low, high]: [number, number]): [number, number] => {
    const first = dot(offset, direction) / spacing;
    const last = first + (dot(step, direction) * (count - 1)) / spacing;
    return [Math.max(Math.floor(first), low), Math.min(Math.ceil(last), high)];
  };
  return { right: range(plane.right, canvas.right, canvas.columns, hull.right), down: range(plane.down, canvas.down, canvas.rows, hull.down) };
}

function hullOf(geometry: VolumeGeometry, { through, right, down }: ViewPlane, spacing: number): Range {
  const last = geometry.frames.length - 1;
  const corners = [0, last].flatMap((k) => [0, geometry.rows - 1].flatMap((row) => [0, geometry.columns - 1].map((column) => minus(placeAt(geometry, column, row, k), through))));
  const range = (direction: Vector): [number, number] => {
    const along = corners.map((corner) => dot(corner, direction) / spacing);
    return [Math.floor(Math.min(...along)) - 1, Math.ceil(Math.max(...along)) + 1];
  };
  return { right: range(right), down: range(down) };
}

/** Return a grid of whole voxels, as seen on the screen. */
function voxelGrid(geometry: VolumeGeometry, plane: ViewPlane, canvas: PlaneGrid, across: { axis: Axis; sign: 1 | -1 }, along: { axis: Axis; sign: 1 | -1 }): PlaneGrid {
  const counts = { u: geometry.columns, v: geometry.rows, h: geometry.frames.length };
  const steps = { u: geometry.spacing_mm[1], v: geometry.spacing_mm[0], h: geometry.step_mm };
  const places = { u: 0, v: 1, h: 2 };
  const last = plus(plus(canvas.origin, scaled(canvas.right, canvas.columns - 1)), scaled(canvas.down, canvas.rows - 1));
  const [from, to] = [indexAt(geometry, canvas.origin), indexAt(geometry, last)];
  const start: [number, number, number] = indexAt(geometry, plane.through);
  const count = ({ axis, sign }: { axis: Axis; sign: 1 | -1 }): number => {
    const at = places[axis];
    const [a, b] = [from[at] as number, to[at] as number];
    const low = Math.min(Math.max(Math.floor(Math.min(a, b)), 0), counts[axis] - 1);
    const high = Math.min(Math.max(Math.ceil(Math.max(a, b)), 0), counts[axis] - 1);
    start[at] = sign > 0 ? low : high;
    return high - low + 1;
  };
  const [columns, rows] = [count(across), count(along)];
  return {
    origin: placeAt(geometry, ...start), right: scaled(plane.right, steps[across.axis]), down: scaled(plane.down, steps[along.axis]), columns, rows,
  };
}
