import { describe, expect, it, vi } from "vitest";
import { TransportError } from "../src/ground/transport";
import type { ImagePlane, PlaneGeometry } from "../src/ground/plane";
import type { Point } from "../src/measure/area";
import { Draft, squared } from "../src/measure/draft";
import { distanceToLines, handlesOf, linesOf, shifted } from "../src/measure/handles";
import { History } from "../src/measure/history";
import { isOn, passOf, placedOn, pointsOn } from "../src/measure/seen";
import { factsOf, FEWEST_CORNERS, type Kind, KINDS, type Measurement, MOST_POINTS, newUID } from "../src/measure/shapes";
import { type MeasurementSource, MeasurementStore } from "../src/measure/store";
import { csvOf } from "../src/measure/table";
import kindsText from "../../../../tests/vectors/measure/kinds.json?raw";
import { detailsOf, figureLines, formatFigure, spoken } from "../src/measure/words";

const ELLIPSE: Measurement = {
  MeasurementUID: "0".repeat(32), kind: "ellipse", StudyInstanceUID: "1.1", SeriesInstanceUID: "1.2", SOPInstanceUID: "1.3", frame: 0,
  FrameOfReferenceUID: null, points_mm: null, points_px: [[2, 3], [10, 9]], plane: null, label: "", extra_index: null,
  values: { area_mm2: 1110, perimeter_mm: 120, clipped: false, count: 2253, excluded: 0, mean: 103.3, sd: 18.2, min: 42, max: 160, median: 103, units: "HU" },
};
const named = (label: string, uid = ELLIPSE.MeasurementUID): Measurement => ({ ...ELLIPSE, MeasurementUID: uid, label });

describe("history", () => {
  it("takes back and does again, and a new change forgets what was taken back", () => {
    const history = new History();
    history.add({ before: null, after: named("a") });
    history.add({ before: named("a"), after: named("b") });
    expect(history.undo()).toEqual({ before: named("b"), after: named("a") });
    expect(history.redo()).toEqual({ before: named("a"), after: named("b") });
    expect(history.undo()?.after).toEqual(named("a"));
    expect(history.undo()).toEqual({ before: named("a"), after: null });
    expect(history.undo()).toBeNull();
    history.add({ before: null, after: named("c") });
    expect(history.redo()).toBeNull();
    expect([history.canUndo, history.canRedo]).toEqual([true, false]);
  });

  it("is bounded: the oldest change is forgotten", () => {
    const history = new History(3);
    for (const label of ["a", "b", "c", "d"]) history.add({ before: null, after: named(label) });
    const undone = [history.undo(), history.undo(), history.undo()].map((change) => change?.before?.label);
    expect(undone).toEqual(["d", "c", "b"]);
    expect(history.undo()).toBeNull();
  });
});

/** A source whose answers the test gives. */
class HeldSource implements MeasurementSource {
  readonly asked: { what: "save" | "remove"; measurement: Measurement; answer(saved?: Measurement): void; fail(error: Error): void }[] = [];
  listed: Measurement[] = [];
  list(): Promise<Measurement[]> {
    return Promise.resolve(this.listed);
  }
  save(measurement: Measurement): Promise<Measurement> {
    return new Promise((resolve, reject) => this.asked.push({ what: "save", measurement, answer: (saved = measurement) => resolve(saved), fail: reject }));
  }
  remove(measurement: Measurement): Promise<void> {
    return new Promise((resolve, reject) => this.asked.push({ what: "remove", measurement, answer: () => resolve(), fail: reject }));
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
const quiet = { onChange: () => undefined, onUnsaved: () => undefined, onListFailed: () => undefined };

describe("store", () => {
  it("shows a change at once and takes over the archive's figures", async () => {
    const source = new HeldSource();
    const store = new MeasurementStore(source, quiet);
    store.commit({ before: null, after: ELLIPSE });
    expect(store.ofSeries("1.2")).toEqual([ELLIPSE]);
    expect([store.stateOf(ELLIPSE.MeasurementUID), store.isUnsaved]).toEqual(["saving", true]);
    source.asked[0]?.answer({ ...ELLIPSE, values: { mean: 103.25 }, author: "MK" });
    await settled();
    expect(store.find(ELLIPSE.MeasurementUID)?.values).toEqual({ mean: 103.25 });
    expect(store.find(ELLIPSE.MeasurementUID)?.author).toBe("MK");
    expect(store.isUnsaved).toBe(false);
  });

  it("sends the newest change after the one in flight, and keeps it over an older answer", async () => {
    const source = new HeldSource();
    const store = new MeasurementStore(source, quiet);
    store.commit({ before: null, after: named("a") });
    store.commit({ before: named("a"), after: named("b") });
    store.commit({ before: named("b"), after: named("c") });
    expect(source.asked.length).toBe(1);
    source.asked[0]?.answer();
    await settled();
    expect(store.find(ELLIPSE.MeasurementUID)?.label).toBe("c");
    expect(source.asked.map((item) => item.measurement.label)).toEqual(["a", "c"]);
    source.asked[1]?.answer();
    await settled();
    expect(source.asked.length).toBe(2);
    expect(store.isUnsaved).toBe(false);
  });

  it("says what is not saved, tries again by itself where that may help, and on request otherwise", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const turn = async (): Promise<void> => { for (let i = 0; i < 10; i += 1) await Promise.resolve(); };
    try {
      const source = new HeldSource();
      const said: string[] = [];
      const store = new MeasurementStore(source, { ...quiet, onUnsaved: (words) => said.push(words) });
      store.commit({ before: null, after: ELLIPSE });
      source.asked[0]?.fail(new TransportError("The server does not answer."));
      await turn();
      expect(store.unsaved).toEqual([{ measurement: ELLIPSE, words: "The server does not answer." }]);
      vi.advanceTimersByTime(1000);
      expect(source.asked.length).toBe(2);
      source.asked[1]?.fail(new TransportError("points are no ellipse", 422));
      await turn();
      vi.advanceTimersByTime(100_000);
      expect(source.asked.length).toBe(2);
      expect(said).toEqual(["The server does not answer."]);
      store.retry();
      source.asked[2]?.answer();
      await turn();
      expect(store.isUnsaved).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it("asks for nothing where what is deleted was never sent, and takes a 404 for done", async () => {
    const nowhere = new MeasurementStore(null, quiet);
    nowhere.commit({ before: null, after: ELLIPSE });
    nowhere.commit({ before: ELLIPSE, after: null });
    expect([nowhere.isUnsaved, nowhere.unsaved]).toEqual([false, []]);
    const source = new HeldSource();
    const store = new MeasurementStore(source, quiet);
    store.commit({ before: null, after: ELLIPSE });
    source.asked[0]?.fail(new TransportError("points are no ellipse", 422));
    await settled();
    store.commit({ before: ELLIPSE, after: null });
    source.asked[1]?.fail(new TransportError("no such measurement", 404));
    await settled();
    expect([store.isUnsaved, store.unsaved, source.asked.length]).toEqual([false, [], 2]);
    store.retry();
    expect(source.asked.length).toBe(2);
  });

  it("waits for nothing once it is closed, whatever comes back then", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const source = new HeldSource();
      const store = new MeasurementStore(source, quiet);
      store.commit({ before: null, after: ELLIPSE });
      store.close();
      source.asked[0]?.fail(new TransportError("The server does not answer."));
      for (let i = 0; i < 10; i += 1) await Promise.resolve();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("undoes a deletion by saving again, a drawing by removing", async () => {
    const source = new HeldSource();
    source.listed = [ELLIPSE];
    const store = new MeasurementStore(source, quiet);
    await store.open("1.1", "1.2");
    store.commit({ before: ELLIPSE, after: null });
    expect(store.ofSeries("1.2")).toEqual([]);
    source.asked[0]?.answer();
    await settled();
    store.undo();
    expect(store.ofSeries("1.2")).toEqual([ELLIPSE]);
    source.asked[1]?.answer();
    await settled();
    expect(source.asked.map((item) => item.what)).toEqual(["remove", "save"]);
  });
});

describe("drawing", () => {
  const p = (column: number, row: number): Point => [column, row];

  it("an angle is whole with three points, the third following until it is set", () => {
    const draft = new Draft("angle");
    draft.place(p(0, 0));
    draft.follow(p(1, 1));
    expect(draft.points).toEqual([[0, 0], [1, 1]]);
    draft.place(p(2, 2));
    draft.follow(p(5, 5));
    expect([draft.points.length, draft.isComplete]).toEqual([3, false]);
    draft.place(p(4, 0));
    expect([draft.closed(), draft.isComplete]).toEqual([[[0, 0], [2, 2], [4, 0]], true]);
  });

  it("a polygon can be closed from three points on, and the last one taken back", () => {
    const draft = new Draft("polygon");
    for (const point of [p(0, 0), p(4, 0)]) draft.place(point);
    expect(draft.canClose).toBe(false);
    draft.place(p(4, 4));
    expect([draft.canClose, draft.isComplete]).toEqual([true, false]);
    expect([draft.unplace(), draft.count]).toEqual([true, 2]);
    expect([draft.unplace(), draft.unplace()]).toEqual([true, false]);
  });

  it("a box held by Shift is as wide as high in millimetres", () => {
    expect(squared([10, 10], [20, 12], [2, 1])).toEqual([20, 15]);
    expect(squared([10, 10], [9, 2], [1, 1])).toEqual([2, 2]);
  });

  it("handles of an ellipse move one side, those of a rectangle two", () => {
    const points = [p(2, 3), p(10, 9)];
    expect(handlesOf("ellipse", points).map((handle) => handle.at)).toEqual([[2, 6], [6, 3], [10, 6], [6, 9]]);
    expect(handlesOf("ellipse", points)[2]?.moved(p(14, 0))).toEqual([[2, 3], [14, 9]]);
    expect(handlesOf("rectangle", points)[1]?.moved(p(12, 1))).toEqual([[2, 1], [12, 9]]);
    expect(handlesOf("length", points)[1]?.moved(p(5, 5))).toEqual([[2, 3], [5, 5]]);
    expect(shifted(points, p(1, -1))).toEqual([[3, 2], [11, 8]]);
  });

  it("what is under the mouse is told by the outline", () => {
    const lines = linesOf("rectangle", [p(0, 0), p(10, 10)]);
    expect(distanceToLines(p(5, 5), lines)).toBe(5);
    expect(distanceToLines(p(13, 14), lines)).toBe(5);
  });
});

describe("on the plane in view", () => {
  const geometry: PlaneGeometry = { origin_mm: [-10, -20, 30], right: [1, 0, 0], down: [0, 1, 0], spacing_mm: [2, 0.5], rows: 20, columns: 40 };
  const planeOf = (change: Partial<ImagePlane>): ImagePlane => ({
    SeriesInstanceUID: "1.2", FrameOfReferenceUID: "1.9", SOPInstanceUID: "1.3", frame: 0, units: "HU", spacing_mm: [2, 0.5], geometry,
    toCanvas: () => [0, 0], toPatient: () => null, toVoxel: (x, y) => [x, y], fromVoxel: (column, row) => [column, row],
    values: () => ({ data: new Int16Array(800), rows: 20, columns: 40, channels: 1, slope: 1, intercept: 0 }), ...change,
  });
  const drawn = (plane: ImagePlane): Measurement => ({ ...ELLIPSE, ...placedOn([[2, 3], [10, 9]], plane) });
  const reformat = planeOf({ SOPInstanceUID: null, frame: null });

  it("what is drawn on an image is on that image alone, and passes by the next one as a dot", () => {
    const item = drawn(planeOf({}));
    expect([item.SOPInstanceUID, item.plane, item.points_px]).toEqual(["1.3", null, [[2, 3], [10, 9]]]);
    expect(item.points_mm).toEqual([[-9, -14, 30], [-5, -2, 30]]);
    expect([isOn(item, planeOf({})), isOn(item, planeOf({ SOPInstanceUID: "1.4" })), isOn(item, planeOf({ frame: 1 }))]).toEqual([true, false, false]);
    const next = planeOf({ SOPInstanceUID: "1.4", geometry: { ...geometry, origin_mm: [-10, -20, 32] } });
    expect(passOf(item, next, 2)).toEqual([6, 6]);
    const later = (extra_index: number): ImagePlane => ({ ...next, extra_index });
    expect([passOf({ ...item, extra_index: 3 }, later(3), 2), passOf({ ...item, extra_index: 3 }, later(4), 2)]).toEqual([[6, 6], null]);
    expect([passOf(item, next, 1.9), passOf(item, planeOf({}), 2), passOf(item, { ...next, SeriesInstanceUID: "9" }, 2)]).toEqual([null, null, null]);
  });

  it("what is drawn on a reformat is on every plane through the same places, in that one's voxels", () => {
    const item = drawn(reformat);
    expect([item.SOPInstanceUID, item.points_px, item.plane?.spacing_mm]).toEqual([null, null, [2, 0.5]]);
    const finer = planeOf({ SOPInstanceUID: null, frame: null, geometry: { ...geometry, origin_mm: [0, 0, 30], spacing_mm: [1, 1] } });
    expect(isOn(item, finer)).toBe(true);
    expect(pointsOn({ ...item, points_px: [[0, 0]] }, finer)).toEqual([[-9, -14], [-5, -2]]);
    const higher = planeOf({ SOPInstanceUID: null, frame: null, geometry: { ...geometry, origin_mm: [-10, -20, 30.5] } });
    const turned = planeOf({ SOPInstanceUID: null, frame: null, geometry: { ...geometry, down: [0, 0, 1] } });
    expect([isOn(item, higher), isOn(item, turned), isOn(item, planeOf({}))]).toEqual([false, false, false]);
  });
});

describe("words", () => {
  it("figures carry their units, the one that matters first", () => {
    expect(figureLines(ELLIPSE)).toEqual(["103.3 ± 18.2 HU", "11.1 cm²"]);
    expect(figureLines({ kind: "length", values: { length_mm: 41.52 } })).toEqual(["41.5 mm"]);
    expect(figureLines({ kind: "length", values: { length_px: 7 } })).toEqual(["7.0 px"]);
    expect(figureLines({ kind: "angle", values: { angle_deg: 120.46 } })).toEqual(["120.5°"]);
    expect(figureLines({ kind: "bidirectional", values: { length_mm: 42, width_mm: 34 } })).toEqual(["42.0 × 34.0 mm"]);
    expect(figureLines({ kind: "probe", values: { value: -75, units: "HU" } })).toEqual(["−75 HU"]);
    expect(figureLines({ kind: "probe", values: { value: null } })).toEqual(["no value"]);
    expect(figureLines({ kind: "rectangle", values: { area_px2: 12 } })).toEqual(["12.0 px²"]);
    expect([formatFigure(0.01234), formatFigure(3.14159), formatFigure(75)]).toEqual(["0.0123", "3.14", "75"]);
  });

  it("are said aloud without signs that are not read", () => {
    expect(spoken({ ...ELLIPSE, label: "Liver", values: { ...ELLIPSE.values, clipped: true } })).toBe("Liver: 103.3 plus or minus 18.2 HU, 11.1 cm², leaves the image");
    expect(detailsOf(ELLIPSE).map(([name]) => name)).toEqual(["Mean", "SD", "Median", "Range", "Area", "Voxels", "Perimeter"]);
  });

  it("a table keeps all digits, quotes what it must and lets no label be a formula", () => {
    const csv = csvOf([{ ...ELLIPSE, label: '=HYPERLINK("x"), one', values: { mean: 1 / 3 } }]);
    const [head, line] = csv.split("\r\n");
    expect(head?.split(",").slice(0, 3)).toEqual(["MeasurementUID", "kind", "label"]);
    expect(line).toContain(`,"'=HYPERLINK(""x""), one",1.1,`);
    expect(line).toContain("0.3333333333333333");
    expect(line).toContain("2 3; 10 9");
  });
});

describe("kinds", () => {
  it("have a key each, none of them one of the viewer's own or of a plane's", () => {
    const keys = KINDS.map((kind) => kind.key);
    expect(new Set(keys).size).toBe(12);
    expect(keys.filter((key) => "rlhvicdznmx0123456789".includes(key))).toEqual([]);
  });

  it("take the points that Python takes, and have the figures that it has", () => {
    const theirs = JSON.parse(kindsText) as { kind: string; points: [number, number]; is_area: boolean; has_values: boolean }[];
    expect(KINDS.map(({ kind }) => kind).sort()).toEqual(theirs.map(({ kind }) => kind).sort());
    for (const { kind, points: [fewest, most], is_area, has_values } of theirs) {
      const { points, isArea, hasValues } = factsOf(kind as Kind);
      expect([kind, points ?? FEWEST_CORNERS, isArea, hasValues]).toEqual([kind, fewest, is_area, has_values]);
      expect(points ?? MOST_POINTS, kind).toBeLessThanOrEqual(most);
      expect(points === null, kind).toBe(fewest !== most);
    }
  });

  it("a new identifier is a uuid4 in 32 hexadecimal digits", () => {
    expect(newUID()).toMatch(/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    expect(newUID()).not.toBe(newUID());
  });
});
