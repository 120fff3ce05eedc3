import { describe, expect, it } from "vitest";
import type { FrameDescription, StackDescription } from "../src/ground/transport";
import { nextRate, rateOf } from "../src/viewer/cine";
import { alongExtra, extraPlaceOf, extraWords, indicesOf, nextOfCine, reachOf } from "../src/viewer/extra";

const stack = (dim: string, values: (number | string)[], planes: number, more = 0, units: string | null = null): Pick<StackDescription, "frames" | "extra"> => ({
  extra: { dim, units, values, planes }, frames: new Array(values.length * planes + more).fill({}) as FrameDescription[],
});

describe("a stack with a dim that is none of space", () => {
  const echoes = stack("echo", [4.6, 9.2, 13.8], 5, 2, "ms");

  it("has a place along it and in space for each frame, and none for those beyond", () => {
    expect(extraPlaceOf(echoes, 7)).toEqual({ at: 1, size: 3, plane: 2, planes: 5, first: 5 });
    expect(extraPlaceOf(echoes, 15)).toBeNull();
    expect(extraPlaceOf({ extra: null }, 0)).toBeNull();
  });

  it("is scrolled within one volume, and along the dim at one plane", () => {
    expect(reachOf(echoes, 7)).toEqual([5, 9]);
    expect(reachOf(echoes, 16)).toEqual([0, 16]);
    expect([1, -1, 9, -9].map((count) => alongExtra(echoes, 7, count))).toEqual([12, 2, 12, 2]);
    expect(alongExtra({ extra: null, frames: echoes.frames }, 7, 1)).toBeNull();
  });

  it("plays along time, and through the planes of an echo; round the end", () => {
    expect([7, 9].map((index) => nextOfCine(echoes, index))).toEqual([8, 5]);
    const times = stack("time", [0, 1, 2], 5);
    expect([7, 12].map((index) => nextOfCine(times, index))).toEqual([12, 2]);
    const film = stack("time", [0, 0.1], 1);
    expect([0, 1].map((index) => nextOfCine(film, index))).toEqual([1, 0]);
    expect(reachOf(film, 1)).toEqual([0, 1]);
    expect(nextOfCine({ extra: null, frames: film.frames }, 1)).toBe(0);
  });

  it("counts a voxel by x, y and z, or by frame where there is none", () => {
    expect(indicesOf({ ...echoes, kind: "slices" }, 3, 4, 7)).toEqual({ voxel: [3, 4, 2], axes: "x, y, z" });
    expect(indicesOf({ ...echoes, kind: "slices" }, 3, 4, 16)).toEqual({ voxel: [3, 4, 16], axes: "x, y, frame" });
    expect(indicesOf({ ...stack("time", [0, 1], 1), kind: "slices" }, 3, 4, 1)).toEqual({ voxel: [3, 4, 1], axes: "x, y, frame" });
    expect(indicesOf({ frames: echoes.frames, extra: null, kind: "volume" }, 3, 4, 7)).toEqual({ voxel: [3, 4, 7], axes: "x, y, z" });
    const array = { frames: echoes.frames, extra: null, kind: "slices" as const, is_archived: false };
    expect(indicesOf(array, 3, 4, 7)).toEqual({ voxel: [3, 4, 7], axes: "x, y, z" });
    expect(indicesOf({ ...array, frames: array.frames.map((frame) => ({ ...frame, extra_index: 1 })) }, 3, 4, 7).axes).toBe("x, y, frame");
    expect(indicesOf({ ...array, frames: array.frames.slice(0, 1) }, 3, 4, 0).axes).toBe("x, y, frame");
  });

  it("is named in words", () => {
    expect(extraWords(echoes, 7)).toBe("echo 2/3, 9.2 ms");
    expect(extraWords(stack("b_value", [0, 1000], 2, 0, "s/mm2"), 3)).toBe("b-value 2/2, 1000 s/mm²");
    expect(extraWords(stack("asl_context", ["CONTROL", "LABEL"], 1), 1)).toBe("ASL 2/2, label");
    expect(extraWords(stack("time", [1, 2], 1), 1)).toBe("time 2/2");
    expect(extraWords({ extra: null, frames: [] }, 0)).toBeNull();
  });
});

describe("a cine's rate", () => {
  it("goes up and down in steps, and stays at the ends", () => {
    expect([nextRate(15, 1), nextRate(15, -1), nextRate(29.97, 1), nextRate(29.97, -1), nextRate(60, 1), nextRate(1, -1)]).toEqual([20, 12, 30, 25, 60, 1]);
  });

  it("is measured from the steps there were", () => {
    expect(rateOf([0, 100])).toBeNull();
    expect(rateOf([0, 100, 200, 400])).toBe(7.5);
  });
});
