import { describe, expect, it } from "vitest";
import { cross, dot } from "../src/mpr/vectors";
import { decodeView, encodeView, NoView } from "../src/viewer/address";
import { pythonOfVolume } from "../src/viewer/python";
import { defaultState, type ViewState } from "../src/viewer/state";
import { decodeVolume, encodeVolume } from "../src/volume3d/address";
import type { Lens } from "../src/volume3d/cast";
import { MeshPainter, NoMesh, normalsOf, parsePly } from "../src/volume3d/mesh";
import { defaultVolume, forwardOf, readVolume, SIDES, turnedCamera, type VolumeState } from "../src/volume3d/state";
import { figuresOf, nameOf } from "../src/volume3d/surfacesPanel";

const STATE: VolumeState = {
  mode: "surface", preset: "ct-soft-tissue", shift: -25.5, level: 300, right: [0.6, 0.8, 0], down: [0, 0, -1], zoom: 2.5, pan_mm: [3, -4.25],
  clip_mm: [[-100, 90.5], [0, 12], [650, 800]], surface: "0123456789abcdef0123456789abcdef",
};

describe("the state of a volume", () => {
  it("comes back from an address, and from a view's", () => {
    expect(decodeVolume(encodeVolume(STATE))).toEqual(STATE);
    expect(encodeVolume(defaultVolume())).toBe("v");
    expect(decodeVolume("v")).toEqual(defaultVolume());
    const view: ViewState = { ...defaultState("1.2.3"), layout: "3d", panes: [], active: 0, link: { position: false, window: false, zoom: false }, volume: STATE };
    expect(decodeView(encodeView(view))?.volume).toEqual(STATE);
  });

  it.each([
    "", "q", "v,q1", "v,zabc", "v,z0.01", "v,z1000", "v,d1:0:0:0:0", "v,d0:0:0:0:0:-1", "v,d1:0:0:1:0:0", "v,c0:1:2:3:5:4", "v,c0:1:2:3:4",
    "v,kabc", "v,p<script>", "v,l1e400", "v,s--1", "v,o1", "s,lNaN", `v${",z1".repeat(40)}`,
  ])("is refused whole where a part is unsound: %s", (text) => {
    expect(decodeVolume(text)).toBeNull();
    expect(() => decodeView(`l=3d&v=${encodeURIComponent(text)}&p=1.2`)).toThrow(NoView);
  });

  it.each([
    null, 3, "surface", [], {}, { ...STATE, mode: "fog" }, { ...STATE, right: [1, 0] }, { ...STATE, right: [NaN, 0, 0] }, { ...STATE, down: STATE.right },
    { ...STATE, zoom: 0 }, { ...STATE, zoom: "2" }, { ...STATE, shift: Infinity }, { ...STATE, level: "300" }, { ...STATE, clip_mm: [[0, 1], [0, 1]] },
    { ...STATE, clip_mm: [[1, 0], [0, 1], [0, 1]] }, { ...STATE, surface: "../../etc" }, { ...STATE, pan_mm: [1e9, 0] }, { ...STATE, preset: "x".repeat(99) },
  ])("is read as typed values or not at all: %j", (said) => {
    expect(readVolume(said)).toBeNull();
  });

  it("keeps its camera at right angles however it is turned", () => {
    let camera: Pick<VolumeState, "right" | "down"> = defaultVolume();
    for (let i = 0; i < 500; i += 1) camera = turnedCamera(camera, { vertical: 0.37, horizontal: -0.21, sight: 0.05 });
    expect(Math.abs(dot(camera.right, camera.down))).toBeLessThan(1e-12);
    expect(Math.hypot(...camera.right)).toBeCloseTo(1, 12);
    expect(forwardOf(camera)).toEqual(cross(camera.right, camera.down));
  });

  it("looks from each side at the side that it names", () => {
    const towards: Record<string, number[]> = { A: [0, 1, 0], P: [0, -1, 0], L: [-1, 0, 0], R: [1, 0, 0], H: [0, 0, -1], F: [0, 0, 1] };
    for (const side of SIDES) expect(forwardOf(side).map((part) => part + 0)).toEqual(towards[side.side]);
  });

  it("turns as if the object were pushed", () => {
    // What is pushed to the right of the screen shows what lay at its left: the right side of whoever faces the eye.
    const { right, down } = turnedCamera(defaultVolume(), { vertical: Math.PI / 2 });
    const forward = forwardOf({ right, down }).map((part) => Math.round(part) + 0);
    expect(forward).toEqual([1, 0, 0]);
  });
});

/** A tetrahedron as the archive writes it. */
function ply(vertices: number[][], faces: number[][]): ArrayBuffer {
  const head = new TextEncoder().encode(`ply\nformat binary_little_endian 1.0\ncomment noctis_lab: patient LPS, mm\nelement vertex ${vertices.length}\nproperty float x\nproperty float y\nproperty float z\nelement face ${faces.length}\nproperty list uchar int vertex_indices\nend_header\n`);
  const buffer = new ArrayBuffer(head.length + vertices.length * 12 + faces.length * 13);
  new Uint8Array(buffer).set(head);
  const view = new DataView(buffer, head.length);
  vertices.flat().forEach((value, i) => view.setFloat32(4 * i, value, true));
  faces.forEach((face, i) => {
    const at = vertices.length * 12 + 13 * i;
    view.setUint8(at, 3);
    face.forEach((vertex, corner) => view.setInt32(at + 1 + 4 * corner, vertex, true));
  });
  return buffer;
}

const CORNERS = [[0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]];
const FACES = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
const LENS: Lens = { right: [1, 0, 0], down: [0, 0, -1], centre: [5, 0, 5], mmPerPixel: 0.5, width: 40, height: 40, clip: null, fineness: 1 };

describe("a volume as Python", () => {
  it("is a view whose state says what is seen", () => {
    const code = pythonOfVolume(defaultState("1.2.3"), STATE, "mpr3d", "1.2", null);
    expect(code).toContain('s.view(layout="mpr3d")');
    expect(code).toContain('mode="surface", preset="ct-soft-tissue", shift=-25.5, level=300, right=(0.6, 0.8, 0), down=(0, 0, -1), zoom=2.5, pan_mm=(3, -4.25)');
    expect(code).toContain("clip_mm=((-100, 90.5), (0, 12), (650, 800))");
    expect(pythonOfVolume(defaultState("1.2.3"), defaultVolume(), "3d", null, null)).toContain('VolumeState(mode="volume", right=(1, 0, 0), down=(0, 0, -1))');
  });

  it("says which of several volumes it is", () => {
    const at = (extra_index: number): string => pythonOfVolume(defaultState("1.2.3"), defaultVolume(), "3d", "1.2", null, { crosshair_mm: [1, -2.5, 3], planes: {} as never, extra_index });
    expect(at(2)).toMatch(/^from noctis_lab.views.mpr_state import MprState\n/);
    expect(at(2)).toContain('s.view(layout="3d")\nview.state.mpr = MprState(crosshair_mm=(1, -2.5, 3), extra_index=2)\nview.state.volume = ');
    expect(at(0)).toBe(pythonOfVolume(defaultState("1.2.3"), defaultVolume(), "3d", "1.2", null));
  });
});

describe("a mesh", () => {
  it("is read from PLY, with normals that point outward", () => {
    const { vertices, faces, normals } = parsePly(ply(CORNERS, FACES));
    expect([...vertices]).toEqual(CORNERS.flat());
    expect([...faces]).toEqual(FACES.flat());
    expect([...normals.subarray(0, 3)].every((part) => part < 0)).toBe(true);
    expect([...normalsOf(vertices, faces)]).toEqual([...normals]);
  });

  it.each([
    ["nothing", new ArrayBuffer(0)], ["cut off", ply(CORNERS, FACES).slice(0, -1)], ["a corner that is not there", ply(CORNERS, [[0, 1, 9]])],
    ["text", new TextEncoder().encode("solid\n").buffer as ArrayBuffer],
  ])("is refused where it is none: %s", (_, buffer) => {
    expect(() => parsePly(buffer)).toThrow(NoMesh);
  });

  it("covers what its faces do, nearest in front, and not what the box cuts off", () => {
    const mesh = parsePly(ply(CORNERS, FACES));
    const painter = new MeshPainter();
    const drawn = painter.paint(mesh, LENS).filter((pixel) => pixel !== 0xff000000).length;
    expect(drawn * 0.25).toBeGreaterThan(46);
    expect(drawn * 0.25).toBeLessThan(54);
    const half = painter.paint(mesh, { ...LENS, clip: [[0, 5], [-1, 20], [-1, 20]] }).filter((pixel) => pixel !== 0xff000000).length;
    expect(half * 0.25).toBeGreaterThan(34);
    expect(half * 0.25).toBeLessThan(41);
  });

  it("has its volume and area in words", () => {
    expect(figuresOf({ volume_mm3: 113097.3, area_mm2: 11309.7 })).toBe("113.1 cm³ · 113.1 cm²");
    expect(figuresOf({ volume_mm3: null, area_mm2: 250000 })).toBe("open: no volume · 2500 cm²");
    expect(nameOf({ kind: "threshold", level: -150, units: "HU", label: "" })).toBe("Above −150 HU");
    expect(nameOf({ kind: "segment", level: 0.5, units: null, label: "Liver" })).toBe("Liver");
  });
});
