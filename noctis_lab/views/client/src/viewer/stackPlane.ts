/** The plane of a stack's frame as it lies on the canvas. Pure. */
import { type ImagePlane, type PlaneGeometry, positionOn, type Vector, voxelOn } from "../ground/plane";
import type { FrameDescription, StackDescription } from "../ground/transport";
import { Made } from "../ground/made";
import { extraPlaceOf } from "./extra";
import { indexAfter } from "./frames";
import { type Placement, pointOf, type Turn, voxelAt } from "./geometry";
import type { Frame } from "./renderer";

/** A frame on a canvas. */
export interface ShownFrame {
  index: number;
  frame: Frame;
}

/** Return what is on a canvas by its place in a later description; null where it is gone. */
export function shownAfter(shown: ShownFrame | null, before: StackDescription, after: StackDescription): ShownFrame | null {
  const index = indexAfter(shown?.index ?? null, before, after);
  return shown && index !== null ? { ...shown, index } : null;
}

/** The plane on a canvas: one object as long as nothing of it changes. */
export class ShownPlane {
  readonly #made = new Made();
  #plane: ImagePlane | null = null;

  /** null where nothing is shown, or a preview: its numbers are none. */
  of(stack: StackDescription | null, shown: ShownFrame | null, placement: Placement | null, turn: Turn, pixelRatio: number): ImagePlane | null {
    const description = shown && stack?.frames[shown.index];
    if (!shown || shown.frame.whole || !stack || !placement || !description) return null;
    const { rotation_deg, flipped } = turn;
    if (this.#made.isNew(stack, shown.frame, shown.index, placement, rotation_deg, flipped, pixelRatio)) {
      this.#plane = planeOfStack(stack, shown, description, placement, { rotation_deg, flipped }, pixelRatio);
    }
    return this.#plane;
  }
}

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
function planeOfStack(
  stack: StackDescription, { index, frame: pixels }: ShownFrame, description: FrameDescription, placement: Placement, turn: Turn, pixelRatio: number,
): ImagePlane {
  const step = extraPlaceOf(stack, index)?.at;
  const geometry = geometryOf(stack, description);
  const toVoxel = (x: number, y: number): [number, number] => voxelAt(x * pixelRatio, y * pixelRatio, placement, turn, pixels);
  const fromVoxel = (column: number, row: number): [number, number] => {
    const [x, y] = pointOf(column, row, placement, turn, pixels);
    return [x / pixelRatio, y / pixelRatio];
  };
  return {
    SeriesInstanceUID: stack.SeriesInstanceUID, FrameOfReferenceUID: stack.FrameOfReferenceUID ?? null,
    SOPInstanceUID: description.SOPInstanceUID, frame: description.frame, ...(step === undefined ? {} : { extra_index: step }), units: stack.units,
    spacing_mm: stack.pixel_spacing_mm, geometry, toVoxel, fromVoxel,
    toCanvas: (point) => geometry && fromVoxel(...voxelOn(geometry, point)),
    toPatient: (x, y) => geometry && positionOn(geometry, ...toVoxel(x, y)),
    values: () => {
      const { stored: data, rows, columns, channels, slope, intercept } = pixels;
      return { data, rows, columns, channels, slope, intercept, padding: stack.padding ?? null };
    },
  };
}
