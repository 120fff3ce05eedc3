/** Which draws a volume here: a graphics processor that agrees with the processor on a small one, or the processor. */
import type { StackDescription } from "../ground/transport";
import { geometryOf, isRefusal } from "../mpr/geometry";
import { Volume } from "../mpr/volume";
import type { Lens, Matter } from "./cast";
import { agrees, GpuCaster } from "./gpu";
import { transferOf, volumePresetOf } from "./presets";

const SIZE = 12;
const PICTURE = 24;

let found: GpuCaster | null | undefined;

/** Return the one caster of this document, tried; null where the processor draws. It is kept: browsers allow few. */
export function gpuFor(document: Document): GpuCaster | null {
  if (found === undefined) found = tried(GpuCaster.find(document));
  return found;
}

/** Say whether WebGL 2 draws as the processor does, any renderer of it: for tests, and for whoever asks why it is not used. */
export function gpuAnswer(document: Document): "agrees" | "differs" | "none" {
  const gpu = GpuCaster.find(document, true);
  return gpu === null ? "none" : tried(gpu) === null ? "differs" : "agrees";
}

/** Return a caster that draws as the processor does, else null. */
export function tried(gpu: GpuCaster | null): GpuCaster | null {
  if (gpu === null) return null;
  const volume = triedVolume();
  const transfer = transferOf(volumePresetOf({ units: null, modality: "MR" }, null), 0, { center: 110, width: 220 });
  const matters: Matter[] = [{ mode: "volume", transfer, slope: 1, intercept: 0 }, { mode: "surface", level: 90, isRising: true }];
  const look = { ramp: { gain: 1, offset: 0, isSigmoid: false }, colormap: "grey" as const, isReversed: false };
  const isSound = volume !== null && matters.every((matter) => agrees(gpu, { volume, matter, look }, LENS));
  if (isSound) return gpu;
  gpu.close();
  return null;
}

const LENS: Lens = { right: [1, 0, 0], down: [0, 0.8, -0.6], centre: [5.5, 5.5, 5.5], mmPerPixel: 0.5, width: PICTURE, height: PICTURE, clip: null, fineness: 2 };

/** A ball that falls off to its edge, a voxel a millimetre. */
function triedVolume(): Volume | null {
  const stack: StackDescription = {
    SeriesInstanceUID: "", kind: "volume", badges: [], units: null, modality: null, photometric_interpretation: "MONOCHROME2",
    orientation: [1, 0, 0, 0, 1, 0], pixel_spacing_mm: [1, 1], windows: [], corner: { top_left: [], top_right: [], bottom_right: [] },
    frames: Array.from({ length: SIZE }, (_, k) => ({
      SOPInstanceUID: "", frame: 0, rows: SIZE, columns: SIZE, dtype: "int16", slope: 1, intercept: 0, position_mm: [0, 0, k], z_mm: k, InstanceNumber: k,
    })),
  };
  const geometry = geometryOf(stack);
  if (isRefusal(geometry)) return null;
  const volume = new Volume(stack, geometry);
  const middle = (SIZE - 1) / 2;
  for (let k = 0; k < SIZE; k += 1) {
    const stored = new Int16Array(SIZE * SIZE);
    for (let i = 0; i < stored.length; i += 1) stored[i] = Math.max(0, 220 - 40 * Math.hypot((i % SIZE) - middle, Math.floor(i / SIZE) - middle, k - middle));
    volume.put(k, { stored, rows: SIZE, columns: SIZE, slope: 1, intercept: 0, channels: 1 });
  }
  return volume;
}
