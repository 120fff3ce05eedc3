import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Transport } from "../src/ground/transport";
import { MprModel } from "../src/mpr/model";
import { modelFor } from "../src/viewer/planes";
import { defaultState } from "../src/viewer/state";
import { VolumeModel } from "../src/volume3d/model";
import { defaultVolume, type VolumeState } from "../src/volume3d/state";
import { type KeptSurface, SurfaceShelf, type SurfaceSource } from "../src/volume3d/surfaces";
import { stackOf, transportOf } from "./stacks";

const KEY = "0123456789abcdef0123456789abcdef";
const SEEN: VolumeState = { ...defaultVolume(), mode: "mip", zoom: 3, clip_mm: [[-5, 5], [-5, 5], [0, 4]] };
const turn = async (): Promise<void> => { for (let i = 0; i < 60; i += 1) await Promise.resolve(); };

const surface = (state: KeptSurface["state"]): KeptSurface => ({
  key: KEY, kind: "threshold", level: 300, units: "HU", label: "", state, progress: 0, volume_mm3: 1, area_mm2: 1, faces: 1, shown_step: 1, error: null,
});

/** A triangle, as the archive writes it. */
function ply(): ArrayBuffer {
  const head = new TextEncoder().encode("ply\nformat binary_little_endian 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    + "element face 1\nproperty list uchar uint vertex_indices\nend_header\n");
  const bytes = new Uint8Array(head.length + 36 + 13);
  bytes.set(head);
  const view = new DataView(bytes.buffer, head.length);
  [0, 0, 0, 1, 0, 0, 0, 1, 0].forEach((part, i) => view.setFloat32(4 * i, part, true));
  view.setUint8(36, 3);
  [0, 1, 2].forEach((vertex, i) => view.setUint32(37 + 4 * i, vertex, true));
  return bytes.buffer;
}

/** Answers with these surfaces, and writes down which series it was asked for. */
function sourceOf(kept: KeptSurface[], asked: string[] = []): SurfaceSource {
  return {
    surfaces: (study, series) => { asked.push(`${study} ${series}`); return Promise.resolve(kept); },
    makeSurface: () => Promise.resolve(surface("done")),
    surface: () => Promise.resolve(surface("done")),
    removeSurface: () => Promise.resolve(),
    surfaceMesh: () => Promise.resolve(ply()),
    surfaceStl: () => Promise.resolve(new ArrayBuffer(0)),
    segments: () => Promise.resolve([]),
  };
}

/** Reaches every study, and answers with the series that it is asked for. */
function archive(): Transport {
  const transport: Transport = { ...transportOf(), stack: (SeriesInstanceUID) => Promise.resolve({ ...stackOf(5), SeriesInstanceUID }), ofStudy: () => transport };
  return transport;
}

function opened(state: VolumeState | null, source: SurfaceSource | null = null): { data: MprModel; model: VolumeModel } {
  const data = new MprModel(archive(), "1.2");
  const model = new VolumeModel(data, state, source, "home", () => undefined);
  data.listen((change) => { if (change === "volume") model.follow(); });
  return { data, model };
}

beforeEach(() => { vi.stubGlobal("window", globalThis); });
afterEach(() => { vi.unstubAllGlobals(); vi.useRealTimers(); });

describe("a volume of another series", () => {
  it("begins anew as soon as that is opened: what is said of it then stays", async () => {
    const { data, model } = opened(SEEN);
    await data.load();
    expect(model.state).toEqual(SEEN);
    data.open({ SeriesInstanceUID: "9.9" });
    expect(model.state).toEqual({ ...defaultVolume(), mode: "mip" });
    const said: VolumeState = { ...defaultVolume(), clip_mm: [[0, 1], [0, 1], [0, 1]] };
    model.set(said);
    await turn();
    expect([data.stack?.SeriesInstanceUID, model.state]).toEqual(["9.9", said]);
    data.close();
  });

  it("has surfaces of its own study, also where the series is named alike", async () => {
    const asked: string[] = [];
    const { data, model } = opened(null, sourceOf([], asked));
    await data.load();
    data.open({ SeriesInstanceUID: "9.9", StudyInstanceUID: "other" });
    await turn();
    expect(asked).toEqual(["home 1.2", "other 9.9"]);
    model.set({ zoom: 4 });
    data.open({ SeriesInstanceUID: "9.9", StudyInstanceUID: "third" });
    await turn();
    expect([asked.at(-1), model.state.zoom]).toEqual(["third 9.9", 1]);
    data.close();
  });

  it("is not what another one is seen by", () => {
    const { data, model } = opened(SEEN);
    expect([model.isOf(data), model.isOf({ SeriesInstanceUID: "1.2", StudyInstanceUID: "home" })]).toEqual([true, true]);
    expect([model.isOf({ SeriesInstanceUID: "9.9", StudyInstanceUID: "" }), model.isOf({ SeriesInstanceUID: "1.2", StudyInstanceUID: "other" })]).toEqual([false, false]);
    data.open({ SeriesInstanceUID: "9.9" });
    model.follow();
    expect(model.isOf(data)).toBe(true);
    data.close();
  });
});

describe("a volume that is closed", () => {
  it("keeps what was seen, and lets the surface go, also one that is on its way", async () => {
    const { data, model } = opened({ ...SEEN, mode: "surface", surface: KEY }, sourceOf([surface("done")]));
    await data.load();
    await turn();
    expect(model.mesh?.key).toBe(KEY);
    model.follow(); // it has other images: the mesh is asked for anew
    model.close();
    await turn();
    expect([model.mesh, model.state.surface]).toEqual([null, KEY]);
    data.close();
  });

  it("does not hear of a surface that was being made, and asks for none any more", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const heard: (KeptSurface | null)[] = [];
    let count = 0;
    let answer = (_: KeptSurface): void => undefined;
    const source: SurfaceSource = {
      ...sourceOf([surface("running"), { ...surface("waiting"), key: KEY.replace("0", "f") }]),
      surface: () => { count += 1; return new Promise((done) => { answer = done; }); },
    };
    const shelf = new SurfaceShelf(source, "1", "2", (done) => heard.push(done));
    await shelf.refresh();
    vi.advanceTimersByTime(300);
    await turn();
    expect([count, heard.length]).toEqual([1, 1]);
    shelf.close();
    answer(surface("done"));
    await turn();
    vi.advanceTimersByTime(10_000);
    await turn();
    expect([count, heard.length]).toEqual([1, 1]);
  });
});

describe("planes and volume of a pane's series", () => {
  it("look as the pane does", () => {
    const window_ = { center: 480, width: 2500, function: "LINEAR" as const };
    const state = { ...defaultState("1.2"), window: window_, inverted: true, colormap: "pet" as const };
    const { window: shown, inverted, colormap } = modelFor({ transport: archive(), state: { SeriesInstanceUID: "1.2" } }, state, null, null);
    expect([shown, inverted, colormap]).toEqual([window_, true, "pet"]);
  });
});
