import { describe, expect, it } from "vitest";
import { pythonOfArray, pythonOfMeasurements, pythonOfView } from "../src/viewer/python";
import { defaultState } from "../src/viewer/state";

describe("a view as Python", () => {
  const state = { ...defaultState("1.2.3"), index: 12 };

  it("runs in an empty cell: it imports, and opens the archive that is meant", () => {
    expect(pythonOfView(state, { center: 40, width: 400, function: "LINEAR" }, "1.2", "/data/demo")).toBe(
      'import noctis_lab as nl\n\nlab = nl.open_lab("/data/demo")\n'
      + 's = lab.series(StudyInstanceUID="1.2", SeriesInstanceUID="1.2.3").one()\ns.view().at(index=12, window=(40, 400))\n');
  });

  it("names no archive where an array in memory is shown", () => {
    expect(pythonOfArray(state, { center: 0.5, width: 0.25, function: "LINEAR_EXACT" })).toBe('view.at(index=12, window=(0.5, 0.25, "LINEAR_EXACT"))\n');
  });

  it("gives what was measured in it", () => {
    expect(pythonOfMeasurements(state, "1.2", null)).toBe(
      'import noctis_lab as nl\n\nlab = nl.open_lab()\n'
      + 's = lab.series(StudyInstanceUID="1.2", SeriesInstanceUID="1.2.3").one()\ns.measurements()\n');
  });

  it("names no folder where none need be named, and only what differs", () => {
    expect(pythonOfView({ ...state, inverted: true }, { center: 2048, width: 1024, function: "SIGMOID" }, null, null)).toBe(
      'import noctis_lab as nl\n\nlab = nl.open_lab()\ns = lab.series(SeriesInstanceUID="1.2.3").one()\n'
      + 's.view().at(index=12, window=(2048, 1024, "SIGMOID"), inverted=True)\n');
  });

  it("says which table stands for the window, and the colours that were chosen", () => {
    expect(pythonOfView({ ...state, voi_lut: 1, colormap: "hot_iron" }, { center: 40, width: 400, function: "LINEAR" }, null, null))
      .toContain('s.view().at(index=12, window=(40, 400), voi_lut=1, colormap="hot_iron")\n');
  });
});
