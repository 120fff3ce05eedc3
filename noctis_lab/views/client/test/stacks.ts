/** Stacks and what answers for them, for tests of planes. */
import type { FrameDescription, StackDescription, Transport } from "../src/ground/transport";
import { geometryOf, isRefusal, type VolumeGeometry } from "../src/mpr/geometry";

export const [ROWS, COLUMNS] = [6, 8];

export function stackOf(count: number, change: (frame: FrameDescription, i: number) => Partial<FrameDescription> = () => ({})): StackDescription {
  const frames = Array.from({ length: count }, (_, i): FrameDescription => {
    const frame: FrameDescription = {
      SOPInstanceUID: `1.2.${i}`, frame: 0, rows: ROWS, columns: COLUMNS, dtype: "int16", slope: 1, intercept: 0,
      position_mm: [-10, -20, 2 * i], z_mm: 2 * i, InstanceNumber: i + 1,
    };
    return { ...frame, ...change(frame, i) };
  });
  return {
    SeriesInstanceUID: "1.2", kind: "volume", badges: [], units: "HU", modality: "CT", photometric_interpretation: "MONOCHROME2",
    orientation: [1, 0, 0, 0, 1, 0], pixel_spacing_mm: [0.9, 0.7], windows: [], frames, corner: { top_left: [], top_right: [], bottom_right: [] },
  };
}

export function geometryIn(stack: StackDescription): VolumeGeometry {
  const found = geometryOf(stack);
  if (isRefusal(found)) throw new Error(found.sentence);
  return found;
}

/** Answers with 100 · frame + column. */
export function transportOf(asked: number[] = []): Transport {
  return {
    stack: () => Promise.resolve(stackOf(5)),
    pixels: (_stack, first, count) => {
      for (let k = first; k < first + count; k += 1) asked.push(k);
      const values = Int16Array.from({ length: count * ROWS * COLUMNS }, (_, i) => 100 * (first + Math.floor(i / (ROWS * COLUMNS))) + (i % COLUMNS));
      return Promise.resolve(values.buffer);
    },
    elements: () => Promise.resolve([]),
  };
}

export const [PLANES, STEPS] = [5, 3];

/** Three echoes of five planes, and an image that has no part in them. */
export function echoes(): StackDescription {
  const stack = stackOf(PLANES * STEPS + 1, (_, i) => ({ position_mm: [-10, -20, 2 * (i % PLANES)], slope: 1 + Math.floor(i / PLANES) }));
  return { ...stack, extra: { dim: "echo", units: "ms", values: [2.5, 5, 7.5], planes: PLANES } };
}
