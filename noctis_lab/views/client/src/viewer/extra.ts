/** Places in a stack of which each plane was acquired several times: over time, echoes, b-values. Pure. */
import { formatNumber } from "../ground/numbers";
import type { Probe } from "../ground/plane";
import type { StackDescription } from "../ground/transport";

type Stack = Pick<StackDescription, "frames" | "extra">;

export interface ExtraPlace {
  /** Place along the extra dim, of how many. */
  at: number;
  size: number;
  /** Plane, of how many, and the first one's frame. */
  plane: number;
  planes: number;
  first: number;
}

/** Return where a frame lies; null where the stack has no extra dim, or the frame no part in it. */
export function extraPlaceOf({ extra }: Pick<Stack, "extra">, index: number): ExtraPlace | null {
  if (!extra || index < 0 || index >= extra.values.length * extra.planes) return null;
  const { planes } = extra;
  const at = Math.floor(index / planes);
  return { at, size: extra.values.length, plane: index - at * planes, planes, first: at * planes };
}

/** Return what is said of one volume of several, as `extraWords`; null where there is one. */
export const stepWords = (stack: Stack, step: number): string | null => extraWords(stack, framesOfStep(stack, step)[0]);

/** Return how many volumes a stack has at the same places; 1 where it has no extra dim. */
export const stepsOf = ({ extra }: Pick<Stack, "extra">): number => extra?.values.length ?? 1;

/** Return [first, count] of the frames of one volume of several; of all frames where there is one. */
export function framesOfStep({ frames, extra }: Stack, step: number): [number, number] {
  return extra ? [step * extra.planes, extra.planes] : [0, frames.length];
}

/** Return [first, last] of the frames that scrolling reaches from one: those of one volume, or all. */
export function reachOf(stack: Stack, index: number): [number, number] {
  const place = extraPlaceOf(stack, index);
  return place === null || place.planes === 1 ? [0, stack.frames.length - 1] : [place.first, place.first + place.planes - 1];
}

/** Whether a stack without an extra dim is the planes of one array along z. */
function isAlongZ({ frames, kind, is_archived }: Pick<StackDescription, "frames" | "kind" | "is_archived">, index: number): boolean {
  return kind === "volume" || (is_archived === false && frames.length > 1 && (frames[index]?.extra_index ?? null) === null);
}

/** Return what a voxel's indices are, and what they count: x, y and z as `isel` of the loaded array takes them, else the frame. */
export function indicesOf(stack: Pick<StackDescription, "frames" | "extra" | "kind" | "is_archived"> | null, column: number, row: number, index: number): Pick<Probe, "voxel" | "axes"> {
  const place = stack && extraPlaceOf(stack, index);
  const z = place !== null && place.planes > 1 ? place.plane : stack !== null && isAlongZ(stack, index) ? index : null;
  return z === null ? { voxel: [column, row, index], axes: "x, y, frame" } : { voxel: [column, row, z], axes: "x, y, z" };
}

/** Return the frame of the same plane so many steps along the extra dim, within it; null without one. */
export function alongExtra(stack: Stack, index: number, count: number): number | null {
  const place = extraPlaceOf(stack, index);
  if (place === null) return null;
  return Math.min(Math.max(place.at + count, 0), place.size - 1) * place.planes + place.plane;
}

/** Return the frame that a cine shows next: along time where there is one, else through the planes; round the end. */
export function nextOfCine(stack: Stack, index: number): number {
  const place = extraPlaceOf(stack, index);
  const isMotion = stack.extra?.dim === "time" || stack.extra?.dim === "phase";
  if (place !== null && isMotion) return ((place.at + 1) % place.size) * place.planes + place.plane;
  const [first, last] = reachOf(stack, index);
  return index >= last ? first : index + 1;
}

const NAMES: Record<string, string> = { b_value: "b-value", asl_context: "ASL" };
const UNITS: Record<string, string> = { "s/mm2": "s/mm²" };

/** Return "echo 2/8, 12.4 ms"; a value that only counts is not said twice. */
export function extraWords(stack: Stack, index: number): string | null {
  const [place, extra] = [extraPlaceOf(stack, index), stack.extra];
  if (place === null || !extra) return null;
  const value = extra.values[place.at];
  const counted = `${NAMES[extra.dim] ?? extra.dim} ${place.at + 1}/${place.size}`;
  if (typeof value === "string") return `${counted}, ${value.toLowerCase()}`;
  if (value === undefined || (extra.units === null && value === place.at + 1)) return counted;
  return `${counted}, ${formatNumber(value, Math.abs(value) >= 100 ? 0 : 2)} ${UNITS[extra.units ?? ""] ?? extra.units ?? ""}`.trimEnd();
}
