/** From the volume of one time, echo or b-value to that of another, past those that form none. Pure. */
import type { StackDescription } from "../ground/transport";
import { stepWords } from "../viewer/extra";
import { geometryOf, isRefusal, type VolumeGeometry } from "./geometry";

/** One that was asked for and forms no volume, in words for people. */
export interface RefusedStep {
  words: string;
  why: string;
}

export interface NextStep {
  /** null: none that was asked for can be shown. */
  found: { step: number; geometry: VolumeGeometry } | null;
  /** The first that cannot. */
  refused: RefusedStep | null;
}

/** Return the first of `wanted` that forms a volume. */
export function firstShown(stack: StackDescription, wanted: readonly number[]): NextStep {
  let refused: RefusedStep | null = null;
  for (const step of wanted) {
    const geometry = geometryOf(stack, step);
    if (!isRefusal(geometry)) return { found: { step, geometry }, refused };
    refused ??= { words: `No planes of ${stepWords(stack, step) ?? "this volume"}: ${geometry.title.toLowerCase()}`, why: geometry.sentence };
  }
  return { found: null, refused };
}

/** Return the steps from one that is not shown yet on to the last in that direction. */
export function stepsOnward(from: number, count: number, size: number): number[] {
  const sign = Math.sign(count);
  const first = Math.min(Math.max(from + count, 0), size - 1);
  return Array.from({ length: sign > 0 ? size - first : sign < 0 ? first + 1 : 1 }, (_, i) => first + sign * i);
}
