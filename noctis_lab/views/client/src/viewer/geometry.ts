/** Directions and places: the frame on the screen, the screen in the patient. Pure. */
import type { Vector } from "../ground/plane";
import type { FrameDescription, StackDescription } from "../ground/transport";
import type { PaneState } from "./state";

/** Steps along (column index, row index) for one step right, and one step down, on the screen. */
export interface Axes {
  right: readonly [number, number];
  down: readonly [number, number];
}

export type Turn = Pick<PaneState, "rotation_deg" | "flipped">;
type Step = readonly [number, number];

const RIGHT_AFTER: Record<number, Step> = { 0: [1, 0], 90: [0, -1], 180: [-1, 0], 270: [0, 1] };
const DOWN_AFTER: Record<number, Step> = { 0: [0, 1], 90: [1, 0], 180: [0, -1], 270: [-1, 0] };
const negated = ([x, y]: Step): Step => [-x || 0, -y || 0];

/** Return the screen's axes in the frame for a turn. */
export function axesOf({ rotation_deg, flipped }: Turn): Axes {
  const right = RIGHT_AFTER[rotation_deg] ?? [1, 0];
  return { right: flipped ? negated(right) : right, down: DOWN_AFTER[rotation_deg] ?? [0, 1] };
}

/** Return the turn that gives these axes. */
export function turnOf({ right, down }: Axes): Turn {
  const flipped = right[0] * down[1] - right[1] * down[0] < 0;
  const [x, y] = flipped ? negated(right) : right;
  return { rotation_deg: x > 0 ? 0 : x < 0 ? 180 : y < 0 ? 90 : 270, flipped };
}

/** What is on the screen, turned clockwise by a quarter (or back). */
export function turned(turn: Turn, clockwise: boolean): Turn {
  const { right, down } = axesOf(turn);
  return clockwise ? turnOf({ right: negated(down), down: right }) : turnOf({ right: down, down: negated(right) });
}

/** What is on the screen, mirrored left to right or top to bottom. */
export function mirrored(turn: Turn, direction: "horizontal" | "vertical"): Turn {
  const { right, down } = axesOf(turn);
  return direction === "horizontal" ? turnOf({ right: negated(right), down }) : turnOf({ right, down: negated(down) });
}

/** Where a turned frame lies on a canvas, in device pixels; voxel (u, v) covers one cell of the grid. */
export interface Placement {
  width: number;
  height: number;
  /** Left and top edge of the turned frame. */
  x0: number;
  y0: number;
  /** Size of one voxel. */
  sx: number;
  sy: number;
}

export type Shape = Pick<FrameDescription, "rows" | "columns">;
export type Spacing = StackDescription["pixel_spacing_mm"];

/** Return what gives the image its proportions, PS3.3 C.7.6.3.1.7; lengths are pixel_spacing_mm's alone. */
export function proportionsOf(stack: Pick<StackDescription, "pixel_spacing_mm" | "pixel_aspect">): Spacing {
  return stack.pixel_spacing_mm ?? stack.pixel_aspect ?? null;
}

const isTransposed = (axes: Axes): boolean => axes.right[0] === 0;

/** Return the device pixels per voxel column and row, on the screen, at which a frame just fits. */
function fittingScale(shape: Shape, spacing: Spacing, axes: Axes, width: number, height: number): [number, number] {
  const aspect = spacing ? spacing[0] / spacing[1] : 1; // a row's height in columns
  const [wide, high] = isTransposed(axes) ? [aspect, 1] : [1, aspect];
  const [columns, rows] = isTransposed(axes) ? [shape.rows, shape.columns] : [shape.columns, shape.rows];
  const scale = Math.min(width / (columns * wide), height / (rows * high));
  return [scale * wide, scale * high];
}

/** Return where the frame lies on a canvas of `width` × `height` device pixels. */
export function placementOf(
  view: Pick<PaneState, "zoom" | "pan" | "rotation_deg" | "flipped">, shape: Shape, spacing: Spacing,
  width: number, height: number,
): Placement {
  const axes = axesOf(view);
  const fit = fittingScale(shape, spacing, axes, width, height);
  const [sx, sy] = [fit[0] * view.zoom, fit[1] * view.zoom].map(wholeIfClose) as [number, number];
  const [columns, rows] = isTransposed(axes) ? [shape.rows, shape.columns] : [shape.columns, shape.rows];
  const [panRow, panColumn] = view.pan;
  const across = axes.right[0] * panColumn + axes.right[1] * panRow;
  const along = axes.down[0] * panColumn + axes.down[1] * panRow;
  let x0 = width / 2 - (columns / 2 + across) * sx;
  let y0 = height / 2 - (rows / 2 + along) * sy;
  if (Number.isInteger(sx) && Number.isInteger(sy)) {
    // Whole pixels per voxel: put voxel borders on pixel borders, so that 1:1 shows the values themselves.
    x0 = Math.round(x0);
    y0 = Math.round(y0);
  }
  return { width, height, x0, y0, sx, sy };
}

const wholeIfClose = (scale: number): number =>
  Math.abs(scale - Math.round(scale)) < 1e-6 && Math.round(scale) > 0 ? Math.round(scale) : scale;

/** Return the zoom at which one voxel column takes `pixels` device pixels. */
export function zoomForScale(pixels: number, turn: Turn, shape: Shape, spacing: Spacing, width: number, height: number): number {
  const axes = axesOf(turn);
  const [wide, high] = fittingScale(shape, spacing, axes, width, height);
  return pixels / (isTransposed(axes) ? high : wide);
}

/** Return the (column, row) under a point of the canvas, in voxels, 0 at the first one's centre. */
export function voxelAt(x: number, y: number, placement: Placement, turn: Turn, shape: Shape): [number, number] {
  const axes = axesOf(turn);
  const [columns, rows] = isTransposed(axes) ? [shape.rows, shape.columns] : [shape.columns, shape.rows];
  const across = (x - placement.x0) / placement.sx - columns / 2;
  const along = (y - placement.y0) / placement.sy - rows / 2;
  return [
    (shape.columns - 1) / 2 + axes.right[0] * across + axes.down[0] * along,
    (shape.rows - 1) / 2 + axes.right[1] * across + axes.down[1] * along,
  ];
}

/** Return the point of the canvas at which a (column, row) lies; the inverse of `voxelAt`. */
export function pointOf(column: number, row: number, placement: Placement, turn: Turn, shape: Shape): [number, number] {
  const axes = axesOf(turn);
  const [columns, rows] = isTransposed(axes) ? [shape.rows, shape.columns] : [shape.columns, shape.rows];
  const dx = column - (shape.columns - 1) / 2;
  const dy = row - (shape.rows - 1) / 2;
  return [
    placement.x0 + (axes.right[0] * dx + axes.right[1] * dy + columns / 2) * placement.sx,
    placement.y0 + (axes.down[0] * dx + axes.down[1] * dy + rows / 2) * placement.sy,
  ];
}

/** Return the pan that brings a (column, row) into the middle of the pane. */
export function panTo([column, row]: readonly [number, number], shape: Shape): [number, number] {
  return [row - (shape.rows - 1) / 2, column - (shape.columns - 1) / 2];
}

/** Return what a (row, column) spacing is from left to right on the screen. */
export function acrossOf(spacing: readonly [number, number], turn: Turn): number {
  return isTransposed(axesOf(turn)) ? spacing[0] : spacing[1];
}

/** Return the pan, (row, column), at which the voxel under a point (px of the canvas) stays there when the frame lies otherwise. */
export function panAround(point: readonly [number, number], before: Placement, after: Placement, turn: Turn & Pick<PaneState, "pan">, shape: Shape): [number, number] {
  const [from, to] = [voxelAt(...point, before, turn, shape), voxelAt(...point, after, turn, shape)];
  const [row, column] = turn.pan;
  return [row + from[1] - to[1], column + from[0] - to[0]];
}

/** Return the pan, (row, column), at which the frame lies so many px of the canvas farther to the right and down. */
export function panBeside([dx, dy]: readonly [number, number], placement: Placement, turn: Turn & Pick<PaneState, "pan">, shape: Shape): [number, number] {
  const [from, to] = [voxelAt(0, 0, placement, turn, shape), voxelAt(dx, dy, placement, turn, shape)];
  const [row, column] = turn.pan;
  return [row - to[1] + from[1], column - to[0] + from[0]];
}

/** Return the part of the pane that the frame covers, CSS px. */
export function coveredBox(
  { x0, y0, sx, sy }: Placement, turn: Turn, shape: Shape, pixelRatio: number,
): { left: number; top: number; right: number; bottom: number } {
  const [columns, rows] = isTransposed(axesOf(turn)) ? [shape.rows, shape.columns] : [shape.columns, shape.rows];
  return { left: x0 / pixelRatio, top: y0 / pixelRatio, right: (x0 + columns * sx) / pixelRatio, bottom: (y0 + rows * sy) / pixelRatio };
}

/** Return the patient's letters a direction points to, strongest first: "L", "PH" … (PS3.3 C.7.6.1.1.1). */
export function letters(direction: Vector): string {
  const length = Math.hypot(...direction);
  if (length === 0) return "";
  const names: [number, string][] = direction.map((part, axis) => [
    Math.abs(part) / length, (part > 0 ? "LPH" : "RAF")[axis] as string,
  ]);
  // 0.05 is 3°: a smaller tilt is no letter of its own.
  return names.filter(([part]) => part >= 0.05).sort((a, b) => b[0] - a[0]).map(([, name]) => name).join("");
}

/** Return the letters at the four edges of the screen, or null where the orientation is not stated. */
export function edgeLetters(
  orientation: StackDescription["orientation"], turn: Turn,
): { left: string; right: string; top: string; bottom: string } | null {
  if (orientation === null) return null;
  const { right, down } = axesOf(turn);
  const toPatient = ([x, y]: Step): Vector =>
    [0, 1, 2].map((i) => x * (orientation[i] as number) + y * (orientation[i + 3] as number)) as Vector;
  return {
    right: letters(toPatient(right)), left: letters(toPatient(negated(right))),
    bottom: letters(toPatient(down)), top: letters(toPatient(negated(down))),
  };
}

/** Return frames whose position another frame has too (within 1 µm), by index. */
export function duplicatesOf(frames: readonly FrameDescription[]): Set<number> {
  const order = frames.map((frame, index) => ({ index, z: frame.z_mm })).filter((item) => item.z !== null) as
    { index: number; z: number }[];
  order.sort((a, b) => a.z - b.z);
  const found = new Set<number>();
  for (let i = 1; i < order.length; i += 1) {
    const [before, here] = [order[i - 1], order[i]];
    if (before && here && here.z - before.z < 1e-3) found.add(before.index).add(here.index);
  }
  return found;
}
