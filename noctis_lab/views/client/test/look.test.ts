import { describe, expect, it } from "vitest";
import { COLORMAPS, pixelsOf, stopsOf, usualColormap } from "../src/viewer/colormaps";
import { lookOf } from "../src/viewer/look";
import { defaultState } from "../src/viewer/state";

const rgb = (pixel: number): number[] => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];

describe("a colour map", () => {
  it.each(COLORMAPS.map(({ name }) => name))("%s has 256 opaque colours, and can be turned round", (name) => {
    const pixels = pixelsOf(name);
    expect(pixels).toHaveLength(256);
    expect([...pixels].every((pixel) => pixel >>> 24 === 255)).toBe(true);
    expect([...pixelsOf(name, true)]).toEqual([...pixels].reverse());
  });

  it("hot iron is PS3.6 Annex B's: red first, then green, then blue", () => {
    // B.1.1: red 0, 2 … 254, then 255; green from entry 128 on; blue 0, 4 … from entry 192 on.
    const expected = Array.from({ length: 256 }, (_, i) => [
      i < 128 ? 2 * i : 255, i < 128 ? 0 : i === 255 ? 255 : 2 * (i - 128), i < 192 ? 0 : i === 255 ? 255 : 4 * (i - 191),
    ]);
    expect([...pixelsOf("hot_iron")].map(rgb)).toEqual(expected);
  });

  it("ends where it says: cividis from dark blue to yellow, grey from black to white", () => {
    expect([0, 255].map((i) => rgb(pixelsOf("cividis")[i] as number))).toEqual([[0, 32, 76], [255, 233, 69]]);
    expect([0, 100, 255].map((i) => rgb(pixelsOf("grey_inverted")[i] as number)[0])).toEqual([255, 155, 0]);
    expect(stopsOf("grey", false, 3).map(({ colour }) => colour)).toEqual(["rgb(0 0 0)", "rgb(128 128 128)", "rgb(255 255 255)"]);
  });
});

describe("a stack's look", () => {
  const stack = { modality: "PT", windows: [], photometric_interpretation: "MONOCHROME2" };
  const told = { ...defaultState("1.2"), window: { center: 5, width: 10, function: "LINEAR" as const } };

  it("is inverted grey for PET unless another map is chosen; inverting turns it round", () => {
    expect(usualColormap("CT")).toBe("grey");
    expect(lookOf(stack, told)).toMatchObject({ colormap: "grey_inverted", isWhite: true });
    expect(lookOf(stack, { ...told, inverted: true })).toMatchObject({ isWhite: false, colours: pixelsOf("grey") });
    expect(lookOf(stack, { ...told, colormap: "pet" })).toMatchObject({ isWhite: false, colours: pixelsOf("pet") });
  });

  it("of MONOCHROME1 begins reversed", () => {
    expect(lookOf({ ...stack, modality: "CR", photometric_interpretation: "MONOCHROME1" }, told)).toMatchObject({ isReversed: true, isWhite: true });
  });

  it("names the table that stands for the window; one that is not there leaves the window", () => {
    const table = { first_mapped: 0, greys: btoa("\x00\xff") };
    const windows = [{ center: 1, width: 2, name: "SOFTER", function: "LINEAR" as const, is_stated: true, table }];
    expect(lookOf({ ...stack, windows }, { ...told, voi_lut: 0 }).tableName).toBe("SOFTER");
    expect(lookOf({ ...stack, windows }, { ...told, voi_lut: 3 })).toMatchObject({ table: null, tableName: null });
  });
});
