/** Three numbers: places and directions in the patient, LPS. */

export type Vector = readonly [number, number, number];

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const scaled = (a: Vector, factor: number): Vector => [a[0] * factor, a[1] * factor, a[2] * factor];
export const plus = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const length = (a: Vector): number => Math.hypot(...a);
export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0],
];

/** Return the direction of a vector, or null where it has none. */
export function unit(a: Vector): Vector | null {
  const size = length(a);
  return size > 0 && Number.isFinite(size) ? scaled(a, 1 / size) : null;
}

/** Return a vector turned about a unit axis, counter-clockwise as seen against it (Rodrigues). */
export function rotated(a: Vector, axis: Vector, angle_rad: number): Vector {
  const [cos, sin] = [Math.cos(angle_rad), Math.sin(angle_rad)];
  return plus(plus(scaled(a, cos), scaled(cross(axis, a), sin)), scaled(axis, dot(axis, a) * (1 - cos)));
}

/** Return two directions made orthogonal and unit again, or null where they are none. */
export function orthonormal({ right, down }: { right: Vector; down: Vector }): { right: Vector; down: Vector } | null {
  const across = unit(right);
  if (across === null) return null;
  const along = unit(minus(down, scaled(across, dot(across, down))));
  return along === null ? null : { right: across, down: along };
}
