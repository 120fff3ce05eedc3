/** A plane as what measures on it, and what draws over it, see it: its own samples whatever the zoom, and the pixels on the canvas. */
import { type ImagePlane, positionOn, type Vector as Point, voxelOn } from "../ground/plane";
import type { Painted } from "./drawing";
import { fineGeometry, type FineSampler } from "./fine";
import { normalOf } from "./model";
import { onCanvas, onPlane } from "./place";
import type { Sampled } from "./plane";
import { samplingAlong } from "./slab";
import type { Volume } from "./volume";

/** Return the plane that was painted of a volume; `sampled` are its pixels. */
export function imagePlaneOf(volume: Volume, { lie, grid, slab_mm, projection }: Painted, pixelRatio: number, sampled: Sampled, fine: FineSampler): ImagePlane {
  const { stack } = volume;
  const geometry = fineGeometry(volume.full, grid.origin, lie.right, lie.down);
  const toPatient = (x: number, y: number): Point => [...onPlane(x, y, lie, grid, pixelRatio)] as Point;
  const toCanvas = (point: Readonly<Point>): [number, number] => onCanvas(point, lie, grid, pixelRatio);
  return {
    SeriesInstanceUID: stack.SeriesInstanceUID, FrameOfReferenceUID: stack.FrameOfReferenceUID ?? null, SOPInstanceUID: null, frame: null,
    units: stack.units, spacing_mm: geometry.spacing_mm, geometry, ...(slab_mm > 0 ? { slab_mm, projection } : {}),
    step_mm: samplingAlong(volume, normalOf(geometry)),
    toCanvas, toPatient, toVoxel: (x, y) => voxelOn(geometry, toPatient(x, y)),
    fromVoxel: (column, row) => toCanvas(positionOn(geometry, column, row)),
    values: () => ({
      data: sampled.values.subarray(0, sampled.columns * sampled.rows), rows: sampled.rows, columns: sampled.columns, channels: 1,
      slope: volume.slope, intercept: volume.intercept,
    }),
    part: (points) => fine.part(volume, { geometry, slab_mm, projection }, points),
  };
}
