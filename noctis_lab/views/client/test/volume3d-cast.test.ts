import { describe, expect, it } from "vitest";
import { geometryOf, isRefusal, type VolumeGeometry } from "../src/mpr/geometry";
import type { Voxels } from "../src/mpr/volume";
import { valueAt } from "../src/mpr/plane";
import type { Vector } from "../src/mpr/vectors";
import { Bricks } from "../src/volume3d/bricks";
import { Caster, type Lens, type Matter, SURFACE_COLOUR } from "../src/volume3d/cast";
import { along, Field, latticeOf, placeOn } from "../src/volume3d/field";
import { isClear, TABLE_SIZE, transferOf, VOLUME_PRESETS, volumePresetOf, volumePresetsFor } from "../src/volume3d/presets";

const [COLUMNS, ROWS, PLANES] = [31, 26, 19];

function voxels(heights: readonly number[] = Array.from({ length: PLANES }, (_, k) => 2 * k), lean = 0, fill = wave): Voxels {
  const stack = {
    orientation: [1, 0, 0, 0, 1, 0], pixel_spacing_mm: [0.8, 0.8],
    frames: heights.map((z) => ({ rows: ROWS, columns: COLUMNS, dtype: "int16", slope: 1, intercept: 0, position_mm: [-12, lean * z - 10, z] })),
  };
  const geometry = geometryOf(stack as never);
  if (isRefusal(geometry)) throw new Error(geometry.title);
  return { geometry, slices: heights.map((_, k) => Int16Array.from({ length: ROWS * COLUMNS }, (_none, i) => fill(i % COLUMNS, Math.floor(i / COLUMNS), k))) };
}

function wave(column: number, row: number, k: number): number {
  return Math.round(500 * Math.sin(column / 3.1) * Math.cos(row / 4.7) * Math.sin(k / 2.3 + 1));
}

const lens = (over: Partial<Lens> = {}): Lens => ({
  right: [1, 0, 0], down: [0, 1, 0], centre: [0, 0, 18], mmPerPixel: 0.8, width: COLUMNS, height: ROWS, clip: null, fineness: 1, ...over,
});

function mip(found: Voxels, over: Partial<Lens> = {}): Float32Array {
  const bricks = new Bricks(found);
  bricks.update();
  const caster = new Caster(new Field(found), bricks, lens(over), { mode: "mip", isRising: true });
  caster.cast(0, lens(over).height);
  return caster.values;
}

describe("a volume as a function of place", () => {
  it.each([["upright", 0], ["sheared", 0.3]])("is what planes are sampled from: %s", (_, lean) => {
    const found = voxels(undefined, lean);
    const field = new Field(found);
    for (const place of [[-5, 1.3, 7.1], [3.33, -4, 20], [0, 0, 18.5], [-12, -10 + lean * 36, 36]] as Vector[]) {
      const [u, v, w] = placeOn(field.lattice, place);
      expect(field.sample(u, v, w)).toBeCloseTo(valueAt(found, place).value, 4);
    }
  });

  it("keeps uneven slices at their places, and gaps empty", () => {
    const found = voxels([0, 2, 4, 6.5, 8, 10, 20, 22]);
    const field = new Field(found);
    expect(field.lattice.isStraight).toBe(false);
    for (const place of [[-5, 1.3, 5.1], [-5, 1.3, 7.9], [1, 1, 21]] as Vector[]) {
      const [u, v, w] = placeOn(field.lattice, place);
      expect(field.sample(u, v, w)).toBeCloseTo(valueAt(found, place).value, 3);
    }
    expect(field.sample(...placeOn(field.lattice, [1, 1, 15]))).toBeNaN();
  });

  it("has no values beside the volume, and none where a slice has not come", () => {
    const found = voxels();
    const field = new Field({ ...found, slices: found.slices.map((slice, k) => (k === 5 ? null : slice)) });
    expect(field.sample(-0.1, 3, 3)).toBeNaN();
    expect(field.sample(COLUMNS - 1, ROWS - 1, PLANES - 1)).not.toBeNaN();
    expect(field.sample(3, 3, 5.5)).toBeNaN();
    expect(field.sample(3, 3, 4)).not.toBeNaN();
  });

  it("turns directions with the lattice's own shear", () => {
    const geometry = voxels(undefined, 0.3).geometry as VolumeGeometry;
    const lattice = latticeOf(geometry);
    // Along the stack's own line a place keeps its column and row.
    const [u, v, w] = along(lattice, [0, 0.6, 2]);
    expect([u, v, w].map((part) => Number(part.toFixed(9)) + 0)).toEqual([0, 0, 1]);
  });
});

describe("the highest value on each ray", () => {
  it.each([
    ["from the feet", {}, (x: number, y: number) => Math.max(...Array.from({ length: PLANES }, (_, k) => wave(x, y, k)))],
    ["from the front", { down: [0, 0, -1] as Vector, mmPerPixel: 2, width: 13, height: PLANES }, null],
  ])("is that of the voxels themselves along an axis: %s", (_, over, expected) => {
    const values = mip(voxels(), over);
    if (expected !== null) {
      for (let y = 0; y < ROWS; y += 1) for (let x = 0; x < COLUMNS; x += 1) expect(values[y * COLUMNS + x]).toBe(expected(x, y));
      return;
    }
    // The middle column of pixels lies on column 15; a row of pixels is a slice, the highest first.
    for (let y = 0; y < PLANES; y += 1) {
      const highest = Math.max(...Array.from({ length: ROWS }, (_none, row) => wave(15, row, PLANES - 1 - y)));
      expect(values[y * 13 + 6]).toBeCloseTo(highest, 6);
    }
  });

  it("leaps over bricks without losing any", () => {
    const found = voxels();
    const over = { right: [0.8, 0.6, 0] as Vector, down: [0.36, -0.48, -0.8] as Vector, fineness: 2, mmPerPixel: 0.9 };
    const values = mip(found, over);
    const plain = new Caster(new Field(found), noBricks(found), lens(over), { mode: "mip", isRising: true });
    plain.cast(0, lens().height);
    expect(Array.from(values)).toEqual(Array.from(plain.values));
  });

  it("of stored values that fall is the lowest of them", () => {
    const found = voxels();
    const bricks = new Bricks(found);
    bricks.update();
    const caster = new Caster(new Field(found), bricks, lens(), { mode: "mip", isRising: false });
    caster.cast(0, ROWS);
    expect(caster.values[5 * COLUMNS + 7]).toBe(Math.min(...Array.from({ length: PLANES }, (_, k) => wave(7, 5, k))));
  });

  it("keeps to the box", () => {
    const values = mip(voxels(), { clip: [[-8, 8], [-6, 5], [4, 12]] });
    const at = (column: number, row: number): number | undefined => values[row * COLUMNS + column];
    expect(at(0, 0)).toBeNaN();
    expect(at(15, 12)).toBe(Math.max(...[2, 3, 4, 5, 6].map((k) => wave(15, 12, k))));
  });
});

/** Bricks that bound nothing: no ray leaps. */
function noBricks(found: Voxels): Bricks {
  const bricks = new Bricks(found);
  bricks.highest.fill(Infinity);
  bricks.lowest.fill(-Infinity);
  return bricks;
}

const ball = (column: number, row: number, k: number): number => Math.round(1000 - 100 * Math.hypot((column - 15) * 0.8, (row - 12.5) * 0.8, (k - 9) * 2));

describe("bricks that show nothing", () => {
  const spots = (column: number, row: number, k: number): number => (Math.hypot(column - 4, row - 5, k - 60) < 3 || Math.hypot(column - 27, row - 20, k - 9) < 2 ? 900 : (column + row + k) % 40);
  const found = voxels(Array.from({ length: 70 }, (_, k) => 0.8 * k), 0, spots);
  const matters: Matter[] = [
    { mode: "surface", level: 300, isRising: true }, { mode: "surface", level: -300, isRising: false },
    { mode: "volume", transfer: transferOf(VOLUME_PRESETS[0] as never, 0, null), slope: 1, intercept: 0 },
  ];
  it.each(matters)("are leapt over, many at once, without losing any: $mode", (matter) => {
    const over = { centre: [0, 0, 28] as Vector, right: [0.8, 0.6, 0] as Vector, down: [0.36, -0.48, -0.8] as Vector, fineness: 2, width: 70, height: 80 };
    const bricks = new Bricks(found);
    bricks.update();
    const [leaping, plain] = [bricks, noBricks(found)].map((each) => {
      const caster = new Caster(new Field(found), each, lens(over), matter);
      caster.cast(0, 80);
      return Array.from(caster.pixels);
    }) as [number[], number[]];
    expect(leaping).toEqual(plain);
    if (matter.mode !== "surface" || matter.isRising) expect(new Set(plain).size).toBeGreaterThan(20);
  });

  it("are known anew once another slice has landed", () => {
    const slices = found.slices.map((slice, k) => (k < 30 ? slice : null));
    const bricks = new Bricks({ ...found, slices });
    bricks.update();
    const shows = (_low: number, high: number): boolean => high > 500;
    const before = bricks.leaps("same", shows);
    expect(bricks.leaps("same", shows)).toBe(before);
    expect(before[0]).toBe(3);
    slices.splice(30, 40, ...found.slices.slice(30));
    bricks.update();
    const after = bricks.leaps("same", shows);
    const at = (a: number, b: number, c: number): number => after[(c * bricks.along + b) * bricks.across + a] as number;
    expect([at(0, 0, 7), at(0, 0, 6), at(0, 0, 5), at(3, 0, 5)]).toEqual([0, 1, 2, 3]);
  });
});

describe("how values change about a place", () => {
  it("is the difference of its neighbours, also at the edge", () => {
    const field = new Field(voxels());
    for (const [u, v, w] of [[7.3, 9.6, 8.2], [12, 4, 5], [0.4, 25, 17.5], [1.5, 1.5, 1]] as Vector[]) {
      const value = field.sample(u, v, w);
      const or = (other: number): number => (Number.isNaN(other) ? value : other);
      const expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map(([a, b, c]) => or(field.sample(u + (a as number), v + (b as number), w + (c as number))) - or(field.sample(u - (a as number), v - (b as number), w - (c as number))));
      field.slope(u, v, w, value);
      expected.forEach((part, i) => expect(field.slopes[i]).toBeCloseTo(part, 9));
    }
  });
});

describe("the surface at a level", () => {
  it("is a disc of the ball's radius, and brightest towards the light", () => {
    const found = voxels(undefined, 0, ball);
    const bricks = new Bricks(found);
    bricks.update();
    const caster = new Caster(new Field(found), bricks, lens({ mmPerPixel: 0.2, width: 121, height: 121, fineness: 2 }), { mode: "surface", level: 300, isRising: true });
    caster.cast(0, 121);
    const count = caster.pixels.filter((pixel) => pixel !== 0xff000000).length;
    expect(Math.sqrt((count * 0.04) / Math.PI)).toBeCloseTo(7, 1);
    const red = (x: number, y: number): number => (caster.pixels[y * 121 + x] as number) & 255;
    expect(red(48, 46)).toBeGreaterThan(red(72, 74));
    expect(red(60, 60)).toBeLessThanOrEqual(SURFACE_COLOUR[0] + 57);
  });

  it("cut by the box faces the eye", () => {
    const found = voxels(undefined, 0, ball);
    const bricks = new Bricks(found);
    bricks.update();
    const caster = new Caster(new Field(found), bricks, lens({ mmPerPixel: 0.4, width: 41, height: 41, clip: [[-20, 20], [-20, 20], [18, 40]] }), { mode: "surface", level: 300, isRising: true });
    caster.cast(0, 41);
    const inside = caster.pixels.filter((pixel) => pixel !== 0xff000000);
    expect(new Set(inside).size).toBe(1);
    expect(inside.length).toBeGreaterThan(500);
  });
});

describe("presets", () => {
  it("are in Hounsfield units only where the values are", () => {
    expect(volumePresetsFor({ units: "HU" })).toHaveLength(VOLUME_PRESETS.length);
    expect(volumePresetsFor({ units: null }).every(({ scale }) => scale === "window")).toBe(true);
    expect(volumePresetOf({ units: null, modality: "MR" }, "ct-bone").name).toBe("mr-default");
    expect(volumePresetOf({ units: "HU", modality: "CT" }, null).name).toBe("ct-bone");
    expect(volumePresetOf({ units: "Bq/ml", modality: "PT" }, null).name).toBe("hot");
  });

  it("move by a shift, and follow the window where they are parts of it", () => {
    const bone = volumePresetOf({ units: "HU", modality: "CT" }, "ct-bone");
    expect(transferOf(bone, 60, null).low).toBe(200);
    const mr = volumePresetOf({ units: null, modality: "MR" }, null);
    expect(transferOf(mr, 0, { center: 500, width: 1000 }).low).toBeCloseTo(120);
    expect(bone.points.every(([, opacity]) => opacity >= 0 && opacity < 1)).toBe(true);
  });

  it.each(VOLUME_PRESETS.map((preset) => [preset.name, preset] as const))("say of a range whether anything of it is seen: %s", (_, preset) => {
    const table = transferOf(preset, 0, { center: 50, width: 100 });
    for (let low = table.low - 50; low < table.high; low += (table.high - table.low) / 37) {
      for (const width of [0, 20, 400]) {
        let isSeen = low + width > table.high && (table.opacity[TABLE_SIZE - 1] as number) > 1e-4;
        for (let i = 0; i < TABLE_SIZE; i += 1) {
          const value = table.low + (i * (table.high - table.low)) / (TABLE_SIZE - 1);
          if (value >= low && value <= low + width && (table.opacity[i] as number) > 1e-4) isSeen = true;
        }
        if (isSeen) expect(isClear(table, low, low + width)).toBe(false);
      }
    }
    expect(isClear(table, table.low - 100, table.low - 1)).toBe(true);
  });

  it("stop as much light at any step", () => {
    const transfer = transferOf({ name: "", label: "", scale: "HU", isShaded: false, points: [[0, 0, 1, 1, 1], [1, 0.1, 1, 1, 1], [2, 0.1, 1, 1, 1]] }, 0, null);
    const grey = (fineness: number): number => {
      const found = voxels(undefined, 0, () => 2);
      const bricks = new Bricks(found);
      bricks.update();
      const matter: Matter = { mode: "volume", transfer, slope: 1, intercept: 0 };
      const caster = new Caster(new Field(found), bricks, lens({ fineness }), matter);
      caster.cast(0, ROWS);
      return (caster.pixels[12 * COLUMNS + 15] as number) & 255;
    };
    const expected = 255 * (1 - 0.9 ** 37);
    expect(Math.abs(grey(2) - expected)).toBeLessThan(5);
    expect(Math.abs(grey(8) - expected)).toBeLessThan(3);
  });
});
