/** A plane as what measures on it, and what draws over it, see it: its own samples whatever the zoom, and the pixels on the canvas. */
import { type ImagePlane, type PlaneGeometry, positionOn, type Vector as Point, voxelOn } from "../ground/plane";
import { fineGeometry, type FineSampler } from "./fine";
import { type MprModel, normalOf, type PlaneName } from "./model";
import type { Sampled } from "./plane";
import { samplingAlong } from "./slab";
import type { Vector } from "./vectors";

/** The pane that shows it. */
interface Shown {
  readonly name: PlaneName;
  readonly model: MprModel;
  /** The canvas's pixels; null while there are none. */
  readonly wanted: PlaneGeometry | null;
  toCanvas(place: Readonly<Vector>): [number, number];
  toPlane(x: number, y: number): Vector;
}

export function imagePlaneOf(shown: Shown, sampled: Sampled, fine: FineSampler): ImagePlane | null {
  const { wanted, model } = shown;
  const { stack, volume } = model;
  if (wanted === null || stack === null || volume === null) return null;
  const { slab_mm, projection } = model.planes[shown.name];
  const geometry = fineGeometry(volume.full, wanted.origin_mm, wanted.right, wanted.down);
  return {
    SeriesInstanceUID: stack.SeriesInstanceUID, FrameOfReferenceUID: stack.FrameOfReferenceUID ?? null, SOPInstanceUID: null, frame: null,
    units: stack.units, spacing_mm: geometry.spacing_mm, geometry, ...(slab_mm > 0 ? { slab_mm, projection } : {}),
    step_mm: samplingAlong(volume, normalOf(geometry)),
    toCanvas: (point) => shown.toCanvas(point), toPatient: (x, y) => [...shown.toPlane(x, y)] as Point,
    toVoxel: (x, y) => voxelOn(geometry, [...shown.toPlane(x, y)] as Point),
    fromVoxel: (column, row) => shown.toCanvas(positionOn(geometry, column, row)),
    values: () => ({
      data: sampled.values.subarray(0, sampled.columns * sampled.rows), rows: sampled.rows, columns: sampled.columns, channels: 1,
      slope: volume.slope, intercept: volume.intercept,
    }),
    part: (points) => fine.part(volume, { geometry, slab_mm, projection }, points),
  };
}
