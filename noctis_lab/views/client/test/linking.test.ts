import { describe, expect, it } from "vitest";
import { areParallel, crossingOf, heightAbove, normalOf, type PlaneGeometry, positionOn, valuesAt, type Vector, voxelOn } from "../src/ground/plane";
import type { FrameDescription, StackDescription } from "../src/ground/transport";
import { clipLine, Linker, nearestFrame, planeNameOf, type ReferenceLine, shareGrid, shareWindow, showLinks, whyApart } from "../src/viewer/linking";
import type { Pane } from "../src/viewer/pane";
import { defaultState } from "../src/viewer/state";
import { mostAlike } from "../src/viewer/seriesStrip";
import { freePlace } from "../src/viewer/toolbar";

const AXIAL: PlaneGeometry = { origin_mm: [-100, -80, 20], right: [1, 0, 0], down: [0, 1, 0], spacing_mm: [2, 0.5], rows: 80, columns: 400 };
const SAGITTAL: PlaneGeometry = { origin_mm: [10, -60, 90], right: [0, 1, 0], down: [0, 0, -1], spacing_mm: [1, 1], rows: 150, columns: 100 };
const tilted = (degrees: number): PlaneGeometry => {
  const angle = (degrees * Math.PI) / 180;
  return { ...AXIAL, down: [0, Math.cos(angle), Math.sin(angle)] };
};

describe("a plane in the patient", () => {
  it("has its voxels where the standard puts them, and finds them again", () => {
    expect(positionOn(AXIAL, 10, 3)).toEqual([-95, -74, 20]);
    for (const plane of [AXIAL, SAGITTAL, tilted(17)]) {
      const [column, row] = voxelOn(plane, positionOn(plane, 12.25, 7.5));
      expect(column).toBeCloseTo(12.25, 9);
      expect(row).toBeCloseTo(7.5, 9);
    }
  });

  it("projects a point beside it along its normal", () => {
    const [x, y, z] = positionOn(SAGITTAL, 3, 4);
    const [column, row] = voxelOn(SAGITTAL, [x + 25, y, z]);
    expect([column, row]).toEqual([3, 4]);
    expect(heightAbove(SAGITTAL, [x + 25, y, z])).toBeCloseTo(normalOf(SAGITTAL)[0] * 25, 9);
  });

  it("crosses another in a line that lies in both", () => {
    for (const plane of [SAGITTAL, { ...SAGITTAL, right: [0.6, 0.8, 0] as Vector }]) {
      const line = crossingOf(AXIAL, plane);
      expect(line).not.toBeNull();
      for (const point of line ?? []) {
        expect(heightAbove(AXIAL, point)).toBeCloseTo(0, 9);
        expect(heightAbove(plane, point)).toBeCloseTo(0, 9);
      }
    }
    // The axial image covers y from −81 to 79: half a voxel beyond the centres.
    expect(crossingOf(AXIAL, SAGITTAL)?.map(([, y]) => y).sort((a, b) => a - b)).toEqual([-81, 79]);
  });

  it("crosses none that is parallel, or that it does not reach", () => {
    expect(crossingOf(AXIAL, { ...AXIAL, origin_mm: [0, 0, 40] })).toBeNull();
    expect(crossingOf(AXIAL, { ...SAGITTAL, origin_mm: [500, 0, 0] })).toBeNull();
    expect(areParallel(AXIAL, tilted(4))).toBe(true);
    expect(areParallel(AXIAL, tilted(6))).toBe(false);
  });

  it("is named for the patient's plane that it is nearest to", () => {
    expect([AXIAL, SAGITTAL, tilted(40), tilted(50)].map(planeNameOf)).toEqual(["axial", "sagittal", "axial", "coronal"]);
  });

  it("gives the numbers of a voxel, and none beside it", () => {
    const data = Int16Array.of(1, 2, 3, 4, 5, 6);
    const grey = { data, rows: 2, columns: 3, channels: 1 as const, slope: 2, intercept: -10 };
    expect(valuesAt(grey, 1.4, 0.6)).toEqual([0]);
    expect(valuesAt(grey, -0.6, 0)).toBeNull();
    expect(valuesAt(grey, 0, 2)).toBeNull();
    const colour = { data: Uint8Array.of(9, 8, 7, 6, 5, 4), rows: 1, columns: 2, channels: 3 as const, slope: 1, intercept: 0 };
    expect(valuesAt(colour, 1, 0)).toEqual([6, 5, 4]);
  });
});

const frame = (z: number | null): FrameDescription => ({ position_mm: z === null ? null : [0, 0, z], rows: 4, columns: 4 }) as FrameDescription;
const stackOf = (zs: (number | null)[], more: Partial<StackDescription> = {}): StackDescription => ({
  SeriesInstanceUID: "1.2", FrameOfReferenceUID: "1.9", modality: "MR", units: null, orientation: [1, 0, 0, 0, 1, 0],
  pixel_spacing_mm: [1, 1], frames: zs.map(frame), ...more,
}) as StackDescription;

describe("the nearest frame", () => {
  it("is that whose plane is nearest, also between uneven ones and beyond the ends", () => {
    const stack = stackOf([0, 3, 10, 11]);
    expect([[7, 9, 6.6], [0, 0, 6], [5, 5, -40], [0, 0, 90]].map((point) => nearestFrame(stack, point as Vector, 0))).toEqual([2, 1, 0, 3]);
  });

  it("of several at one place is that next to the one in view", () => {
    const stack = stackOf([0, 5, 10, 0, 5, 10, 0, 5, 10]);
    expect([0, 4, 8].map((index) => nearestFrame(stack, [0, 0, 5.5], index))).toEqual([1, 4, 7]);
  });

  it("is at the time of the one in view, though another time's may be next to it", () => {
    const stack = stackOf([0, 5, 10, 0, 5, 10, 0, 5, 10], { extra: { dim: "time", units: "s", values: [0, 1, 2], planes: 3 } });
    expect([0, 3, 6].map((index) => nearestFrame(stack, [0, 0, 11], index))).toEqual([2, 5, 8]);
  });

  it("is none where the images state no place", () => {
    expect(nearestFrame(stackOf([null, null]), [0, 0, 0], 0)).toBeNull();
    expect(nearestFrame(stackOf([0, 1], { orientation: null }), [0, 0, 0], 0)).toBeNull();
    expect(nearestFrame(stackOf([null, 4]), [0, 0, 0], 0)).toBe(1);
  });
});

describe("two series", () => {
  const one = stackOf([0]);
  it("share a place in one frame of reference, and say why not in another", () => {
    expect(whyApart(one, stackOf([0], { SeriesInstanceUID: "1.3" }))).toBeNull();
    expect(whyApart(one, stackOf([0], { SeriesInstanceUID: "1.3", FrameOfReferenceUID: "1.8" }))).toBe("Not linked: other frame of reference");
    expect(whyApart(one, stackOf([0], { SeriesInstanceUID: "1.3", FrameOfReferenceUID: null }))).toBe("Not linked: no frame of reference");
    expect(whyApart(one, stackOf([0], { SeriesInstanceUID: "1.3", orientation: null }))).toBe("Not linked: no one orientation");
  });

  it("that are one share it without stating a frame of reference", () => {
    const bare = stackOf([0], { FrameOfReferenceUID: null });
    expect(whyApart(bare, bare)).toBeNull();
  });

  it("share a window where they are of one modality and unit", () => {
    expect(shareWindow(one, stackOf([0]))).toBe(true);
    expect(shareWindow(one, stackOf([0], { modality: "CT" }))).toBe(false);
    expect(shareWindow(stackOf([0], { units: "HU" }), stackOf([0], { units: "BQML" }))).toBe(false);
    expect(shareWindow(stackOf([0], { modality: null }), stackOf([0], { modality: null }))).toBe(false);
  });
});

describe("two arrays in memory", () => {
  const bare = { is_archived: false, orientation: null, FrameOfReferenceUID: null, pixel_spacing_mm: null, modality: null, windows: [] };
  const one = stackOf([null, null], { ...bare, SeriesInstanceUID: "1.3" });
  const named = (name: string): Partial<StackDescription> => ({ ...bare, windows: [{ name } as StackDescription["windows"][number]] });

  it("go together voxel by voxel where they have one shape and no place", () => {
    expect(whyApart(one, stackOf([null, null], bare))).toBeNull();
    expect(shareGrid(one, stackOf([null, null, null], bare))).toBe(false);
    expect(whyApart(one, stackOf([null, null, null], bare))).toBe("Not linked: no frame of reference");
    expect(shareGrid(one, stackOf([null, null], { ...bare, is_archived: true }))).toBe(false);
    expect(shareGrid(one, stackOf([0, 1], { ...bare, orientation: [1, 0, 0, 0, 1, 0] }))).toBe(false);
    expect(shareGrid(stackOf([], bare), stackOf([], bare))).toBe(false);
  });

  it("share a window, but for a mask's", () => {
    expect(shareWindow(one, stackOf([null], named("Computed")))).toBe(true);
    expect(shareWindow(one, stackOf([null], named("Mask")))).toBe(false);
    expect(shareWindow(one, stackOf([null], { ...bare, units: "s" }))).toBe(false);
    expect(shareWindow(one, stackOf([null], { ...bare, modality: "CT" }))).toBe(false);
  });
});

describe("a line on a pane", () => {
  it("is as much of it as the pane shows", () => {
    expect(clipLine([-50, 20], [150, 20], 100, 80)).toEqual([[0, 20], [100, 20]]);
    expect(clipLine([10, 10], [60, 50], 100, 80)).toEqual([[10, 10], [60, 50]]);
    expect(clipLine([50, -20], [50, 200], 100, 80)).toEqual([[50, 0], [50, 80]]);
    expect(clipLine([-10, -10], [-10, 90], 100, 80)).toBeNull();
    expect(clipLine([90, -30], [130, 30], 100, 80)).toBeNull();
  });
});

describe("a series' counterpart in another study", () => {
  const series = (SeriesDescription: string | null, Modality: string, image_count = 9): { SeriesDescription: string | null; Modality: string; image_count: number } => ({ SeriesDescription, Modality, image_count });
  it("is that of its description, else of its modality, else the first with images", () => {
    const among = [series("scout", "CT", 0), series("PET", "PT"), series("lung", "CT"), series("bone", "CT")];
    expect(mostAlike(series("bone", "CT"), among)).toBe(among[3]);
    expect(mostAlike(series("liver", "CT"), among)).toBe(among[2]);
    expect(mostAlike(series(null, "MR"), among)).toBe(among[1]);
    expect(mostAlike(undefined, among)).toBe(among[1]);
    expect(mostAlike(undefined, among.slice(0, 1))).toBeUndefined();
  });
});

describe("a tooltip", () => {
  const host = { left: 0, right: 1000 };
  const box = (left: number, right: number): { left: number; right: number; top: number; bottom: number } => ({ left, right, top: 90, bottom: 150 });
  it("stands where it should, or beside the identities, or below them", () => {
    const size = { width: 200, height: 30 };
    expect(freePlace(400, 100, size, host, [box(10, 150)])).toEqual({ left: 400, top: 100 });
    expect(freePlace(20, 100, size, host, [box(10, 150)])).toEqual({ left: 166, top: 100 });
    expect(freePlace(20, 100, size, host, [box(10, 150), box(200, 330)])).toEqual({ left: 346, top: 100 });
    expect(freePlace(900, 100, size, host, [box(10, 150), box(700, 990)])).toEqual({ left: 796, top: 158 });
  });
});

/** What linking asks of a pane; what it shows is written down. */
class Shown {
  readonly kind: Pane["kind"];
  extraIndex: number | null = 0;
  isPlaying = false;
  readonly state = defaultState("1.2");
  readonly told = this.state;
  readonly stack = stackOf([0, 5, 10]);
  readonly mmPerPixel = null;
  readonly centre = null;
  readonly target = null;
  readonly cssSize = [400, 80] as const;
  readonly asked: string[] = [];
  lines: readonly ReferenceLine[] | null = null;

  constructor(kind: Pane["kind"], readonly wanted: PlaneGeometry, readonly SeriesInstanceUID = "1.2") {
    this.kind = kind;
    this.state.SeriesInstanceUID = SeriesInstanceUID;
  }

  get element(): HTMLElement {
    throw new Error("asking the element lays the page out");
  }

  plane(): ReturnType<Pane["plane"]> {
    this.asked.push("plane");
    return { geometry: this.wanted, toCanvas: (point: Vector) => voxelOn(this.wanted, point) } as unknown as ReturnType<Pane["plane"]>;
  }

  stepExtra(count: number): boolean {
    this.extraIndex = (this.extraIndex ?? 0) + count;
    return true;
  }

  goTo(): void { this.asked.push("goTo"); }
  setWindow(): void { this.asked.push("window"); }
  showLinks(_: string | null, lines: readonly ReferenceLine[]): void { this.lines = lines; }

  get pane(): Pane {
    return this as unknown as Pane;
  }
}

const PLACE = { position: true, window: false, zoom: false };

describe("the time of planes and of the images that they are cut from", () => {
  it("is one, whichever of them goes on", () => {
    for (const [kind, other] of [["plane", "stack"], ["stack", "plane"]] as const) {
      const [leader, pane] = [new Shown(kind, SAGITTAL), new Shown(other, AXIAL)];
      const linker = new Linker();
      linker.lead(leader.pane);
      leader.extraIndex = 2;
      linker.follow(leader.pane, [leader.pane, pane.pane], PLACE);
      expect(pane.extraIndex).toBe(2);
      leader.extraIndex = 1;
      linker.bring(leader.pane, [pane.pane], PLACE);
      expect(pane.extraIndex).toBe(1);
    }
  });

  it("is each one's own where they are not linked, of another series, of one volume, or two stacks", () => {
    const followed = (leader: Shown, pane: Shown, link = PLACE): number | null => {
      const linker = new Linker();
      linker.lead(leader.pane);
      leader.extraIndex = 2;
      linker.follow(leader.pane, [leader.pane, pane.pane], link);
      return pane.extraIndex;
    };
    expect(followed(new Shown("plane", SAGITTAL), new Shown("stack", AXIAL), { ...PLACE, position: false })).toBe(0);
    expect(followed(new Shown("plane", SAGITTAL), new Shown("stack", AXIAL, "1.3"))).toBe(0);
    expect(followed(new Shown("stack", SAGITTAL), new Shown("stack", AXIAL))).toBe(0);
    const single = new Shown("stack", AXIAL);
    single.extraIndex = null;
    expect(followed(new Shown("plane", SAGITTAL), single)).toBeNull();
  });

  it("is handed on when a cine stops, not at each of its images", () => {
    const [leader, pane] = [new Shown("stack", AXIAL), new Shown("plane", SAGITTAL)];
    const linker = new Linker();
    linker.lead(leader.pane);
    leader.isPlaying = true;
    for (const step of [1, 2]) {
      leader.extraIndex = step;
      linker.follow(leader.pane, [leader.pane, pane.pane], PLACE);
      expect(pane.extraIndex).toBe(0);
    }
    leader.isPlaying = false;
    linker.follow(leader.pane, [leader.pane, pane.pane], PLACE);
    expect(pane.extraIndex).toBe(2);
  });
});

describe("lines where other panes' images cross", () => {
  it("are looked for on images as they are stored alone, without laying the page out", () => {
    const [images, plane] = [new Shown("stack", AXIAL), new Shown("plane", SAGITTAL)];
    showLinks([images.pane, plane.pane], plane.pane, true);
    expect(images.lines).toHaveLength(1);
    expect([plane.lines, images.asked.length]).toEqual([[], 1]);
  });
});
