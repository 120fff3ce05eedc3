import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { askViews, hearPlots, hearViews, type Saying, tellPlots } from "../src/plots/link";
import { isPlot, PLOTS } from "../src/plots/names";
import { curveSeries, histogramSeries, nearestIn, profileSeries, roundAtScale } from "../src/plots/series";

const histogram = { low: -1024, high: -1024 + 5 * 8, counts: [900, 3, 4, 5, 700], count: 1612, excluded: 3, units: "HU", images: 1 };

describe("a histogram", () => {
  it("has its bins where Python counted them", () => {
    const { bars, x } = histogramSeries(histogram);
    expect(bars.left).toEqual([-1024, -1016, -1008, -1000, -992]);
    expect(bars.right).toEqual([-1016, -1008, -1000, -992, -984]);
    expect(bars.top).toEqual(histogram.counts);
    expect(x).toEqual([-1024, -984]);
  });

  it("says that the outermost bins go on beyond the top, what is left out, and the width of a bin", () => {
    const { y, note, xLabel } = histogramSeries(histogram);
    expect(y[1]).toBeCloseTo(5.3);
    expect(note).toBe("1612 values, 3 voxels of padding left out, bins of 8 HU, the outermost bins go on beyond the top");
    expect(xLabel).toBe("Value, HU");
  });

  it("of one bin alone has room for it", () => {
    expect(histogramSeries({ ...histogram, counts: [4], high: -1016 }).y[1]).toBeGreaterThan(4);
  });
});

describe("a profile", () => {
  it("leaves gaps where there is no value, and is in view whole", () => {
    const { line, x, y } = profileSeries({ distances: [0, 0.5, 1], samples: [null, 10, 20], unit: "mm", units: "HU" });
    expect(line.y).toEqual([NaN, 10, 20]);
    expect(line.words).toEqual(["no value at 0 mm", "10 HU at 0.5 mm", "20 HU at 1 mm"]);
    expect(x).toEqual([0, 1]);
    expect(y[0]).toBeLessThan(10);
    expect(y[1]).toBeGreaterThan(20);
  });

  it("of nothing but padding is drawn as nothing", () => {
    expect(profileSeries({ distances: [0, 1], samples: [null, null], unit: "px", units: null }).y.every(Number.isFinite)).toBe(true);
  });
});

describe("a curve", () => {
  const curve = { dim: "b_value", along: [0, 500, 1000], along_units: "s/mm2", means: [900, 500, null], sds: [10, 20, null], counts: [12, 12, 0], units: null };

  it("lies at its own numbers, with a deviation to both sides", () => {
    const { line, band, xLabel, yLabel } = curveSeries(curve);
    expect(line.x).toEqual([0, 500, 1000]);
    expect(band.low.slice(0, 2)).toEqual([890, 480]);
    expect(xLabel).toBe("B-value, s/mm²");
    expect(yLabel).toBe("Mean");
    expect(line.words[1]).toBe("500 ± 20 at b-value 500 s/mm²");
    expect(line.words[2]).toBe("no value at b-value 1000 s/mm²");
  });

  it("along words counts them, and says them at the axis", () => {
    const { line, xWords } = curveSeries({ ...curve, dim: "asl_context", along: ["LABEL", "<b>CONTROL</b>", "M0"], along_units: null });
    expect(line.x).toEqual([1, 2, 3]);
    expect(xWords).toEqual({ 1: "LABEL", 2: "<b>CONTROL</b>", 3: "M0" });
  });

  it("of a probe has no band", () => {
    expect(curveSeries({ ...curve, sds: [null, null, null], counts: [1, 1, 0] }).band.x).toEqual([]);
  });
});

describe("places", () => {
  it("are the nearest ones", () => {
    expect(nearestIn([0, 10, 100], 54)).toBe(1);
    expect(nearestIn([0, 10, 100], 56)).toBe(2);
    expect(nearestIn([0], -1e9)).toBe(0);
  });

  it("of a window are rounded as its width deserves", () => {
    expect(roundAtScale(163.4, 400)).toBe(163);
    expect(roundAtScale(0.123456, 1.5)).toBe(0.12);
    expect(roundAtScale(-1.00049, 0.02)).toBe(-1.0005);
  });
});

describe("the link", () => {
  // There is no document here: its events alone are needed.
  beforeEach(() => { vi.stubGlobal("document", new EventTarget()); });
  afterEach(() => { vi.unstubAllGlobals(); });

  it("reaches those of one key alone, and says whether anybody took it", () => {
    const heard: string[] = [];
    const stop = hearPlots("one", (asking) => { heard.push(asking.kind); return true; });
    hearPlots("other", () => { heard.push("other"); return true; });
    expect(askViews("one", { kind: "hello" })).toBe(true);
    expect(heard).toEqual(["hello"]);
    stop();
    expect(askViews("one", { kind: "hello" })).toBe(false);
    expect(askViews("", { kind: "hello" })).toBe(false);
  });

  it("tells every plot", () => {
    const said: Saying[] = [];
    const saying: Saying = { plot: "curve", window: null, step: 2, profile: null, curve: null };
    hearViews("one", (what) => said.push(what));
    hearViews("one", (what) => said.push(what));
    tellPlots("one", saying);
    expect(said).toEqual([saying, saying]);
  });

  it("passes over what is no letter of ours", () => {
    hearPlots("one", () => { throw new Error("heard"); });
    document.dispatchEvent(new CustomEvent("noctis-plot-asks", { detail: null }));
    document.dispatchEvent(new Event("noctis-plot-asks"));
  });

  it("knows plots by their names", () => {
    expect(PLOTS.every(({ name }) => isPlot(name))).toBe(true);
    expect([isPlot("pie"), isPlot(""), isPlot(["curve"]), isPlot(null)]).toEqual([false, false, false, false]);
  });
});
