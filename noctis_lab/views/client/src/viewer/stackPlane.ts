/** The plane of a stack's frame as it lies on the canvas. Pure. */
import { type ImagePlane, type PlaneGeometry, positionOn, type Vector, voxelOn } from "../ground/plane";
import type { FrameDescription, StackDescription } from "../ground/transport";
import { type Placement, pointOf, type Turn, voxelAt } from "./geometry";
import type { Frame } from "./renderer";

type Placed = Pick<StackDescription, "orientation" | "pixel_spacing_mm">;

/** Return a frame's rectangle in the patient, or null where the images do not state it: PS3.3 C.7.6.2.1.1. */
export function geometryOf({ orientation, pixel_spacing_mm: spacing }: Placed, frame: FrameDescription): PlaneGeometry | null {
  if (frame.position_mm === null || orientation === null || spacing === null) return null;
  return {
    origin_mm: [...frame.position_mm], right: orientation.slice(0, 3) as Vector, down: orientation.slice(3) as Vector,
    spacing_mm: [...spacing], rows: frame.rows, columns: frame.columns,
  };
}

/** Return the plane on a canvas. */
export function planeOfStack(
  stack: StackDescription, description: FrameDescription, pixels: Frame, placement: Placement, turn: Turn, pixelRatio: number,
): ImagePlane {
  const geometry = geometryOf(stack, description);
  const toVoxel = (x: number, y: number): [number, number] => voxelAt(x * pixelRatio, y * pixelRatio, placement, turn, pixels);
  const fromVoxel = (column: number, row: number): [number, number] => {
    const [x, y] = pointOf(column, row, placement, turn, pixels);
    return [x / pixelRatio, y / pixelRatio];
  };
  return {
    SeriesInstanceUID: stack.SeriesInstanceUID, FrameOfReferenceUID: stack.FrameOfReferenceUID ?? null,
    SOPInstanceUID: description.SOPInstanceUID, frame: description.frame, units: stack.units,
    spacing_mm: stack.pixel_spacing_mm, geometry, toVoxel, fromVoxel,
    toCanvas: (point) => geometry && fromVoxel(...voxelOn(geometry, point)),
    toPatient: (x, y) => geometry && positionOn(geometry, ...toVoxel(x, y)),
    values: () => {
      const { stored: data, rows, columns, channels, slope, intercept } = pixels;
      return { data, rows, columns, channels, slope, intercept, padding: stack.padding ?? null };
    },
  };
}
