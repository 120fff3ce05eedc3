import { describe, expect, it } from "vitest";
import { Volume } from "../src/mpr/volume";
import { pixelsOf } from "../src/viewer/colormaps";
import { Bricks } from "../src/volume3d/bricks";
import type { Lens } from "../src/volume3d/cast";
import { GpuCaster } from "../src/volume3d/gpu";
import { COLUMNS, geometryIn, ROWS, stackOf } from "./stacks";

/** A browser's WebGL that writes down which sizes of textures of volumes it was asked for, and fails when told to. */
function browser(): { document: Document; uploads: number[]; fail: (on: boolean) => void } {
  const uploads: number[] = [];
  let isFailing = false;
  const known: Record<string, unknown> = {
    NO_ERROR: 0, getError: () => (isFailing ? 1285 : 0), getParameter: () => 2048, getExtension: () => null, isContextLost: () => false,
    getProgramParameter: () => true, LINK_STATUS: 1, texImage3D: (...values: unknown[]) => uploads.push(values[5] as number),
  };
  for (const name of ["createShader", "createProgram", "createTexture", "getUniformLocation"]) known[name] = () => ({});
  known["getProgramParameter"] = () => true;
  const gl = new Proxy(known, { get: (all, name: string) => (name in all ? all[name] : /^[A-Z0-9_]+$/.test(name) ? 1 : () => undefined) });
  const canvas = { getContext: () => gl, width: 0, height: 0 };
  return { document: { createElement: () => canvas } as unknown as Document, uploads, fail: (on) => { isFailing = on; } };
}

function volumeOf(count: number): Volume {
  const volume = new Volume(stackOf(count), geometryIn(stackOf(count)));
  for (let k = 0; k < count; k += 1) volume.put(k, { stored: new Int16Array(ROWS * COLUMNS).fill(k), slope: 1, intercept: 0 } as unknown as Parameters<Volume["put"]>[1]);
  return volume;
}

const LENS: Lens = { right: [1, 0, 0], down: [0, 0, -1], centre: [0, 0, 0], mmPerPixel: 1, width: 4, height: 4, clip: null, fineness: 1 };

describe("a texture of a volume", () => {
  it("is taken for no volume once another's could not be put over it", () => {
    const { document, uploads, fail } = browser();
    const gpu = GpuCaster.find(document, true) as GpuCaster;
    const [one, other] = [volumeOf(5), volumeOf(7)];
    const take = (volume: Volume): boolean => {
      const bricks = new Bricks(volume);
      bricks.update();
      const look = { ramp: { gain: 1, offset: 0, isSigmoid: false } as never, colormap: "grey" as const, isReversed: false };
      expect(pixelsOf(look.colormap, false)).toHaveLength(256);
      return gpu.take({ volume, matter: { mode: "surface", level: 2, isRising: true }, look }, LENS, bricks);
    };
    expect([take(one), take(one), uploads]).toEqual([true, true, [5]]);
    fail(true);
    expect(take(other)).toBe(false);
    fail(false);
    expect([take(one), uploads]).toEqual([true, [5, 7, 5]]); // not what is left of the other's
  });
});
