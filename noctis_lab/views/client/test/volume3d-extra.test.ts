import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Transport } from "../src/ground/transport";
import { MprModel } from "../src/mpr/model";
import { VolumeModel } from "../src/volume3d/model";
import { defaultVolume, type VolumeState } from "../src/volume3d/state";
import type { KeptSurface, SurfaceSource } from "../src/volume3d/surfaces";
import { echoes, transportOf } from "./stacks";

const keyOf = (step: number): string => String(step).repeat(32);

const surfaceOf = (step: number, change: Partial<KeptSurface> = {}): KeptSurface => ({
  key: keyOf(step), kind: "threshold", level: 300, units: "HU", label: "", state: "done", progress: 1, volume_mm3: 1, area_mm2: 1, faces: 1,
  extra_index: step, shown_step: 1, error: null, ...change,
});

/** Keeps surfaces, one of which is still being made. */
function sourceOf(kept: KeptSurface[]): SurfaceSource {
  return {
    surfaces: () => Promise.resolve(kept),
    makeSurface: () => Promise.resolve(surfaceOf(2)),
    surface: () => Promise.resolve(surfaceOf(2)),
    removeSurface: () => Promise.resolve(),
    surfaceMesh: () => new Promise(() => undefined), // which echo is shown does not wait for it
    surfaceStl: () => Promise.reject(new Error("none is needed")),
    segments: () => Promise.resolve([]),
  };
}

const turn = async (): Promise<void> => { for (let i = 0; i < 60; i += 1) await Promise.resolve(); };

/** Three echoes seen from outside, as a pane shows them. */
async function opened(state: Partial<VolumeState> = {}, kept = [surfaceOf(0), surfaceOf(1), surfaceOf(2)]): Promise<{ data: MprModel; model: VolumeModel }> {
  const transport: Transport = { ...transportOf(), stack: () => Promise.resolve(echoes()) };
  const data = new MprModel(transport, "1.2");
  const model = new VolumeModel(data, { ...defaultVolume(), mode: "surface", ...state }, sourceOf(kept), "home", () => undefined);
  data.listen((change) => {
    if (change === "volume") model.follow();
    if (change === "extra") model.followExtra();
  });
  await data.load();
  await turn();
  return { data, model };
}

beforeEach(() => { vi.stubGlobal("window", globalThis); });
afterEach(() => { vi.unstubAllGlobals(); vi.useRealTimers(); });

describe("a kept surface of one echo of several", () => {
  it("brings its echo into view where it is chosen", async () => {
    const { data, model } = await opened();
    model.set({ surface: keyOf(2) });
    expect([data.extraIndex, model.shown?.key, model.extraWords]).toEqual([2, keyOf(2), "echo 3/3, 7.5 ms"]);
    data.close();
  });

  it("is left where another echo comes into view", async () => {
    const { data, model } = await opened();
    model.set({ surface: keyOf(0) });
    data.stepExtra(1);
    expect([data.extraIndex, model.state.surface, model.state.mode, model.extraWords]).toEqual([1, null, "surface", "echo 2/3, 5 ms"]);
    data.close();
  });

  it("brings its echo into view where a view is opened with it", async () => {
    const { data, model } = await opened({ surface: keyOf(1) });
    expect([data.extraIndex, model.state.surface, model.extraWords]).toEqual([1, keyOf(1), "echo 2/3, 5 ms"]);
    data.close();
  });

  it("brings its echo into view where it is ready after another came", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { data, model } = await opened({}, [surfaceOf(2, { state: "running" })]);
    data.setExtra(1);
    vi.advanceTimersByTime(10_000);
    await turn();
    expect([model.state.surface, data.extraIndex]).toEqual([keyOf(2), 2]);
    model.close();
    data.close();
  });

  it("brings its echo into view where it was made at once", async () => {
    const { data, model } = await opened();
    await model.make({ kind: "threshold", level: 300, extra_index: 2 });
    expect([model.state.surface, data.extraIndex]).toEqual([keyOf(2), 2]);
    data.close();
  });
});

describe("a surface that is of no one echo", () => {
  it("stays whichever is in view, and is called by none", async () => {
    const { data, model } = await opened({}, [surfaceOf(5, { kind: "segment", extra_index: null })]);
    model.set({ surface: keyOf(5) });
    data.stepExtra(1);
    expect([model.state.surface, data.extraIndex, model.extraWords]).toEqual([keyOf(5), 1, ""]);
    data.close();
  });
});
