import { describe, expect, it } from "vitest";
import { LONGEST_NAME, MOST_PRESETS, OwnPresets, readPresets } from "../src/viewer/ownPresets";
import { makeWindow } from "../src/viewer/windowing";

class Shelf {
  readonly kept = new Map<string, string>();
  getItem(key: string): string | null { return this.kept.get(key) ?? null; }
  setItem(key: string, text: string): void { this.kept.set(key, text); }
}

describe("own window presets", () => {
  it("come back with the same browser, of one modality each, and can be deleted", () => {
    const shelf = new Shelf();
    const presets = new OwnPresets(shelf);
    expect(presets.save(" Stent ", "CT", makeWindow(300, 1400))).toBeNull();
    expect(presets.save("Stent", "MR", makeWindow(5, 10))).toBeNull();
    expect(presets.save("Stent", "CT", makeWindow(320, 1500))).toBeNull();
    const again = new OwnPresets(shelf);
    expect(again.of("CT")).toEqual([{ name: "Stent", modality: "CT", window: makeWindow(320, 1500) }]);
    expect(again.nameOf(makeWindow(5, 10), "MR")).toBe("Stent");
    again.remove("Stent", "CT");
    expect(again.of("CT")).toEqual([]);
    expect(new OwnPresets(shelf).of("MR")).toHaveLength(1);
  });

  it("have a name of 1 to 40 characters, a modality, and a bound", () => {
    const presets = new OwnPresets(null);
    expect(presets.save("  ", "CT", makeWindow(1, 2))).toMatch(/1 to 40/);
    expect(presets.save("x".repeat(LONGEST_NAME + 1), "CT", makeWindow(1, 2))).toMatch(/1 to 40/);
    expect(presets.save("a", null, makeWindow(1, 2))).toMatch(/modality/);
    for (let i = 0; i < MOST_PRESETS; i += 1) expect(presets.save(`p${i}`, "CT", makeWindow(i, 2))).toBeNull();
    expect(presets.save("one more", "CT", makeWindow(1, 2))).toMatch(/No more than 64/);
    expect(presets.save("p0", "CT", makeWindow(9, 2))).toBeNull();
  });

  it("last as long as the page where the browser keeps nothing", () => {
    const full = { getItem: (): string | null => { throw new Error("denied"); }, setItem: (): void => { throw new Error("full"); } };
    const presets = new OwnPresets(full);
    expect(presets.save("a", "CT", makeWindow(1, 2))).toBeNull();
    expect(presets.of("CT")).toHaveLength(1);
  });

  it("that are not ours are left out", () => {
    expect(readPresets("not JSON")).toEqual([]);
    expect(readPresets('{"a": 1}')).toEqual([]);
    const window = { center: 1, width: 2, function: "LINEAR" };
    const texts = [null, 3, { name: "a", modality: "CT" }, { name: "", modality: "CT", window }, { name: "a", modality: 1, window },
      { name: "a", modality: "CT", window: { ...window, width: -1 } }, { name: "a", modality: "CT", window: { ...window, function: "CUBIC" } },
      { name: "a", modality: "CT", window }];
    expect(readPresets(JSON.stringify(texts))).toHaveLength(1);
  });
});
