import { describe, expect, it } from "vitest";
import type { NamedWindow, StackDescription } from "../src/ground/transport";
import { choicesFor, CT_PRESETS, greyOf, greyOfTable, isLeastWhite, makeWindow, nextOwnWindow, presetsFor, rampOf, roundWindow, statedWindow, storedRamp, tableNumber, tablesOf, windowFromPixels } from "../src/viewer/windowing";

/** PS3.3 C.11.2.1.2.1, as the standard's pseudo-code has it, in 0 … 255. */
function linear(x: number, center: number, width: number): number {
  if (x <= center - 0.5 - (width - 1) / 2) return 0;
  if (x > center - 0.5 + (width - 1) / 2) return 255;
  return ((x - (center - 0.5)) / (width - 1) + 0.5) * 255;
}

/** PS3.3 C.11.2.1.3.2. */
function linearExact(x: number, center: number, width: number): number {
  if (x <= center - width / 2) return 0;
  if (x > center + width / 2) return 255;
  return ((x - center) / width + 0.5) * 255;
}

describe("a window", () => {
  it.each([[40, 400], [-600, 1500], [0, 100], [2048, 4096], [0.5, 1], [128, 2]])("LINEAR %d/%d follows the standard's formula", (center, width) => {
    const ramp = rampOf({ center, width, function: "LINEAR" });
    for (let x = -2000; x <= 4200; x += 1) {
      expect(greyOf(x, ramp), `value ${x}`).toBe(Math.floor(linear(x, center, width) + 0.5));
    }
  });

  it.each([[0.5, 1], [0.25, 0.1], [40, 400]])("LINEAR_EXACT %d/%d follows the standard's formula", (center, width) => {
    const ramp = rampOf({ center, width, function: "LINEAR_EXACT" });
    for (let i = -100; i <= 200; i += 1) {
      const x = center + (i / 100) * width;
      expect(Math.abs(greyOf(x, ramp) - Math.floor(linearExact(x, center, width) + 0.5))).toBeLessThanOrEqual(1);
    }
  });

  it("SIGMOID follows the standard's formula", () => {
    const ramp = rampOf({ center: 40, width: 400, function: "SIGMOID" });
    for (let x = -1000; x <= 1000; x += 7) {
      expect(greyOf(x, ramp)).toBe(Math.floor(255 / (1 + Math.exp((-4 * (x - 40)) / 400)) + 0.5));
    }
  });

  it("over stored values is the same as over modality values", () => {
    const ramp = rampOf(makeWindow(40, 400));
    const stored = storedRamp(ramp, { slope: 2, intercept: -1024 });
    for (let x = 0; x < 1200; x += 1) expect(greyOf(x, stored)).toBe(greyOf(2 * x - 1024, ramp));
  });

  it("below width 1 is LINEAR_EXACT, since LINEAR is not defined there", () => {
    expect(makeWindow(0.5, 0.4).function).toBe("LINEAR_EXACT");
    expect(makeWindow(0.5, 1).function).toBe("LINEAR");
  });

  it("that a series states keeps its function: a mammogram's is a sigmoid", () => {
    const window_ = statedWindow({ center: 2048, width: 1024, function: "SIGMOID" });
    for (let x = 0; x <= 4095; x += 13) {
      // PS3.3 C.11.2.1.3.1
      expect(greyOf(x, rampOf(window_)), `value ${x}`).toBe(Math.floor(255 / (1 + Math.exp((-4 * (x - 2048)) / 1024)) + 0.5));
    }
    expect(statedWindow({ center: 40, width: 400, function: "LINEAR_EXACT" }).function).toBe("LINEAR_EXACT");
    expect(statedWindow({ center: 0.5, width: 0.4, function: "LINEAR" }).function).toBe("LINEAR_EXACT");
  });

  it("keeps its function while it is dragged", () => {
    expect(roundWindow({ center: 40.4, width: 399.7, function: "SIGMOID" })).toEqual({ center: 40, width: 400, function: "SIGMOID" });
    expect(roundWindow({ center: 40.4, width: 399.7, function: "LINEAR_EXACT" })).toEqual({ center: 40, width: 400, function: "LINEAR_EXACT" });
  });

  it("of a ramp of pixels spans the 1st to the 99th percentile", () => {
    const stored = Int16Array.from({ length: 1001 }, (_, i) => i);
    // numpy.percentile(arange(-499, 501), [1, 99]) is [-489.01, 490.01]: the least value, -500, does not count.
    const { center, width, function: voi } = windowFromPixels(stored, 1, -500);
    expect([center, width]).toEqual([expect.closeTo(1, 9), expect.closeTo(980.02, 9)]);
    expect(voi).toBe("LINEAR");
  });

  it("of fractions is exact, without LINEAR's half steps", () => {
    const { center, width, function: voi } = windowFromPixels(Float32Array.from({ length: 102 }, (_, i) => i), 0.01, 0);
    // numpy.percentile(arange(1, 102) / 100, [1, 99]) is [0.02, 1.00]
    expect([center, width]).toEqual([expect.closeTo(0.51, 6), expect.closeTo(0.98, 6)]);
    expect(voi).toBe("LINEAR_EXACT");
  });

  it("shows the least value white where it is stored so or inverted, not where both are", () => {
    const [one, two] = ["MONOCHROME1", "MONOCHROME2"].map((photometric_interpretation) => ({ photometric_interpretation })) as [StackDescription, StackDescription];
    expect([isLeastWhite(one, false), isLeastWhite(one, true), isLeastWhite(two, false), isLeastWhite(two, true)]).toEqual([true, false, false, true]);
  });

  it("of flat or unreal pixels still has a width", () => {
    expect(windowFromPixels(new Float32Array([7, 7, 7]), 1, 0).width).toBe(1);
    expect(windowFromPixels(new Float32Array([NaN, NaN]), 1, 0).width).toBe(1);
  });

  it("is rounded to whole units where it is wide, to three digits where it is narrow", () => {
    expect(roundWindow(makeWindow(40.4, 399.7))).toEqual({ center: 40, width: 400, function: "LINEAR" });
    expect(roundWindow(makeWindow(0.12341, 0.023456))).toEqual({ center: 0.1234, width: 0.0235, function: "LINEAR_EXACT" });
    expect(roundWindow(makeWindow(5, 0.4)).width).toBeGreaterThan(0);
  });
});

describe("the image's own windows", () => {
  const soft: NamedWindow = { center: 50, width: 400, name: "SOFT TISSUE", function: "LINEAR", is_stated: true };
  const lung: NamedWindow = { ...soft, center: -600, width: 1500, name: "LUNG" };

  it("come one after the other, from the one that the image was opened with", () => {
    const first = nextOwnWindow([soft, lung], 0, statedWindow(soft), statedWindow(soft));
    expect(first).toEqual({ turn: 1, window: makeWindow(-600, 1500), voi_lut: null, words: "LUNG: window 2 of the image's own 2" });
    expect(nextOwnWindow([soft, lung], first.turn, first.window, statedWindow(soft)).window).toEqual(makeWindow(50, 400));
  });

  it("begin with the first after any other, also one that equals the second", () => {
    for (const other of [makeWindow(40, 80), makeWindow(-600, 1500)]) {
      expect(nextOwnWindow([soft, lung], 0, other, statedWindow(soft))).toMatchObject({ turn: 0, window: makeWindow(50, 400) });
    }
    expect(nextOwnWindow([soft, lung], 1, makeWindow(40, 80), statedWindow(soft))).toMatchObject({ turn: 0, window: makeWindow(50, 400) });
  });

  it("are all reached where two are alike", () => {
    expect(nextOwnWindow([soft, soft, lung], 1, statedWindow(soft), null).window).toEqual(makeWindow(-600, 1500));
  });

  it("may be only one: it comes back, and that it is the only one is said", () => {
    expect(nextOwnWindow([soft], 0, makeWindow(40, 80), statedWindow(soft))).toEqual({ turn: 0, window: makeWindow(50, 400), voi_lut: null, words: "SOFT TISSUE: the image's only own window" });
  });

  it("have tables among them, which differ from a window of the same span", () => {
    const table: NamedWindow = { ...lung, name: "HARDER", table: { first_mapped: -1350, greys: "" } };
    const own = [soft, table, lung];
    const second = nextOwnWindow(own, 0, statedWindow(soft), null);
    expect(second).toEqual({ turn: 1, window: makeWindow(-600, 1500), voi_lut: 0, words: "HARDER: window 2 of the image's own 3" });
    expect(nextOwnWindow(own, 1, second.window, null, 0)).toMatchObject({ turn: 2, window: makeWindow(-600, 1500), voi_lut: null });
    expect(nextOwnWindow(own, 1, second.window, null, null).turn).toBe(0);
  });

  it("are the one that it was opened with where it states none, and that is said", () => {
    const computed: NamedWindow = { ...soft, name: "Computed", is_stated: false };
    const expected = { turn: 0, window: makeWindow(50, 400), voi_lut: null, words: "The image states no window: as it was opened" };
    expect(nextOwnWindow([computed], 0, makeWindow(40, 80), statedWindow(computed))).toEqual(expected);
    expect(nextOwnWindow([], 0, makeWindow(40, 80), makeWindow(50, 400))).toEqual(expected);
    expect(nextOwnWindow([], 0, null, null)).toEqual({ turn: 0, window: null, voi_lut: null, words: "Colours have no window" });
  });
});

describe("presets", () => {
  const stack = (modality: string, units: string | null): StackDescription => ({ modality, units }) as StackDescription;

  it("stand under the keys 1 to 9", () => {
    expect(CT_PRESETS.map((preset) => preset.key).join("")).toBe("123456789");
  });

  it("come before the windows that the series states, each with its own function", () => {
    const windows = [{ center: 2048, width: 1024, name: "", function: "SIGMOID", is_stated: true }] as const;
    const choices = choicesFor({ ...stack("CT", "HU"), windows: [...windows] });
    expect(choices[0]).toEqual({ name: "Soft tissue", key: "1", window: { center: 40, width: 400, function: "LINEAR" }, voi_lut: null });
    expect(choices[9]).toEqual({ name: "Window 1", key: "d", window: { center: 2048, width: 1024, function: "SIGMOID" }, voi_lut: null });
    expect(choices).toHaveLength(10);
  });

  it("are Hounsfield units: only a CT has them", () => {
    expect(presetsFor(stack("CT", "HU"))).toHaveLength(9);
    expect(presetsFor(stack("MR", null))).toHaveLength(0);
    expect(presetsFor(stack("CT", "BQML"))).toHaveLength(0);
  });
});

describe("a VOI LUT that is a table", () => {
  const table = { first_mapped: -2, greys: btoa(String.fromCharCode(7, 100, 50, 255)) };
  const windows = [
    { center: 40, width: 400, name: "", function: "LINEAR" as const, is_stated: true }, { center: 0, width: 4, name: "HARDER", function: "LINEAR" as const, is_stated: true, table },
    { center: 0, width: 4, name: "SOFTER", function: "LINEAR" as const, is_stated: true, table: { ...table, first_mapped: 9 } },
  ];

  it("gives the nearest entry, the first's below, the last's beyond, and black for NaN", () => {
    const [normal] = tablesOf(windows);
    const greys = [-1e9, -2, -1.51, -1.5, 0.49, 0.5, 1e9, -Infinity, NaN].map((value) => greyOfTable(value, normal as NonNullable<typeof normal>));
    expect(greys).toEqual([7, 7, 7, 100, 50, 255, 255, 7, 0]);
  });

  it("is counted apart from the windows, and decoded once", () => {
    expect([0, 1, 2, 3].map((place) => tableNumber(windows, place))).toEqual([null, 0, 1, null]);
    expect(tablesOf(windows)[1]?.first).toBe(9);
    expect(tablesOf(windows)[1]).toBe(tablesOf(windows)[1]);
  });
});
