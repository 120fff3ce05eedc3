/** What is said of a plane: where it lies, how oblique and how thick; and of a place on it: its value, and how that came about. */
import type { Probe, Vector as Point } from "../ground/plane";
import { formatNumber } from "../ground/numbers";
import { indexAt } from "./geometry";
import { type MprModel, normalOf, obliquity, ORTHOGONAL, type PlaneFrame, type PlaneName } from "./model";
import { INSIDE, valueAt } from "./plane";
import { projectionName } from "./planeStage";
import { scaled, type Vector } from "./vectors";

/** Indices this near to whole numbers are a voxel's. */
const WHOLE = 1e-4;
const AXES: Record<PlaneName, 0 | 1 | 2> = { sagittal: 0, coronal: 1, axial: 2 };

/** "H 757.5 mm", or "oblique 12.0°"; and the slab. */
export function wordsOf(name: PlaneName, frame: PlaneFrame, crosshair: Vector): string {
  const lean = obliquity(name, frame);
  const axis = AXES[name];
  const at = crosshair[axis];
  const letter = (at < 0 ? "RAF" : "LPH").charAt(axis);
  const where = lean < 0.05 ? `${letter} ${formatNumber(Math.abs(at), 1, { fixed: true })} mm` : `oblique ${formatNumber(lean, 1)}°`;
  return frame.slab_mm > 0 ? `${where} · ${projectionName(frame.projection)} ${formatNumber(frame.slab_mm, 1)} mm` : where;
}

/** Return the plane as a call of `reslice`, or of `slab` where it is thick, on a loaded series. */
export function pythonOf(name: PlaneName, { planes, crosshair, stack, extraIndex }: Pick<MprModel, "planes" | "crosshair" | "stack" | "extraIndex">): string {
  const frame = planes[name];
  const tuple = (vector: Vector): string => `(${vector.map((part) => Number(part.toPrecision(7)) + 0).join(", ")})`;
  const isOblique = obliquity(name, frame) > 1e-6 || frame.right.some((part, i) => part !== ORTHOGONAL[name].right[i]);
  const lie = isOblique ? `normal=${tuple(normalOf(frame))}, up=${tuple(scaled(frame.down, -1))}` : `normal="${name}"`;
  // What is nearer than a nanometre to a round place is rounding's.
  const centre = crosshair.map((part) => Number(part.toFixed(6))) as unknown as Vector;
  const place = `centre_mm=${tuple(centre)}, ${lie}`;
  const volume = stack?.extra ? `isel(${stack.extra.dim}=${extraIndex}).dicom` : "dicom";
  return `${volume}.` + (frame.slab_mm > 0 ? `slab(thickness_mm=${frame.slab_mm}, how="${frame.projection}", ${place})` : `reslice(${place})`);
}

/** Return what stands at a place of a plane; `shown` is the projection on the canvas there, which a slab tells instead. */
export function probeAt(model: MprModel, name: PlaneName, place: Vector, shown: number): Probe | null {
  const { volume, stack } = model;
  if (volume === null || stack === null) return null;
  const { slab_mm, projection } = model.planes[name];
  const found = slab_mm > 0 ? { value: shown, cover: INSIDE } : valueAt(volume, place);
  if (found.cover !== INSIDE || !Number.isFinite(found.value)) return null;
  const isVoxel = indexAt(volume.geometry, place).every((part) => Math.abs(part - Math.round(part)) < WHOLE);
  const note = slab_mm > 0 ? `${projectionName(projection)} of ${formatNumber(slab_mm, 1)} mm` : isVoxel ? "" : "interpolated";
  return {
    values: [Number((found.value * volume.slope + volume.intercept).toPrecision(8))], units: stack.units, voxel: null,
    patient_mm: [...place] as Point, ...(note === "" ? {} : { note }),
  };
}

/** More stretches of missing images than this are counted, not named. */
const MOST_NAMED = 4;

/** Return which images of a stack are missing, counted from 1 as they are shown, and why; of none: that they could not be asked for. */
export function missingWords({ frames, message }: { frames: readonly number[]; message: string }, total: number): { words: string; why: string } {
  if (frames.length === 0) return { words: "Newer images could not be asked for", why: message };
  const stretches: [number, number][] = [];
  for (const frame of frames) {
    const last = stretches.at(-1);
    if (last !== undefined && last[1] === frame - 1) last[1] = frame;
    else stretches.push([frame, frame]);
  }
  const named = stretches.slice(0, MOST_NAMED).map(([first, last]) => (first === last ? String(first + 1) : `${first + 1}–${last + 1}`)).join(", ");
  const more = stretches.length > MOST_NAMED ? " …" : "";
  return { words: frames.length === 1 ? `Image ${named} of ${total} missing` : `${frames.length} of ${total} images missing: ${named}${more}`, why: message };
}
