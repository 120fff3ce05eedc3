/** Between a plane's voxels and the patient. Pure. */
import type { Point } from "./area";
import type { Place, Plane } from "./shapes";

const dot = (one: Place, other: Place): number => one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
const minus = (one: Place, other: Place): Place => [one[0] - other[0], one[1] - other[1], one[2] - other[2]];

/** Return where places lie on a plane, seen at a right angle to it: (column, row). */
export function pointsOnPlane(places: readonly Place[], { origin_mm, right, down, spacing_mm }: Plane): Point[] {
  return places.map((place) => {
    const apart = minus(place, origin_mm);
    return [dot(apart, right) / spacing_mm[1], dot(apart, down) / spacing_mm[0]];
  });
}

/** Return the places in the patient of points of a plane. */
export function placesOfPlane(points: readonly Point[], { origin_mm, right, down, spacing_mm }: Plane): Place[] {
  return points.map(([column, row]) => [0, 1, 2].map((i) => (origin_mm[i] as number)
    + column * spacing_mm[1] * (right[i] as number) + row * spacing_mm[0] * (down[i] as number)) as unknown as Place);
}

/** Return a plane's distance along another's normal, mm, or null where the two are not parallel. */
export function distanceBetween(one: Plane, other: Plane): number | null {
  const normal = cross(one.right, one.down);
  const isParallel = Math.abs(dot(normal, cross(other.right, other.down))) > 1 - 1e-6;
  return isParallel ? dot(minus(other.origin_mm, one.origin_mm), normal) : null;
}

const cross = (a: Place, b: Place): Place => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
