import { describe, expect, it } from "vitest";
import { LONGEST_NAME, MOST_PRESETS, OwnPresets, type PresetSource, readPresets, type SavedPreset } from "../src/viewer/ownPresets";
import { makeWindow } from "../src/viewer/windowing";

const KEY = "noctis.window-presets";

class Shelf {
  readonly kept = new Map<string, string>();
  getItem(key: string): string | null { return this.kept.get(key) ?? null; }
  setItem(key: string, text: string): void { this.kept.set(key, text); }
  removeItem(key: string): void { this.kept.delete(key); }
}

/** What an archive keeps, in memory: one of a name and modality. */
class Source implements PresetSource {
  readonly kept = new Map<string, SavedPreset>();
  isDown = false;
  refused: string | null = null;
  async listPresets(): Promise<SavedPreset[]> {
    if (this.isDown) throw new Error("The server does not answer.");
    return [...this.kept.values()];
  }
  async savePreset(preset: Omit<SavedPreset, "item_id">): Promise<SavedPreset> {
    if (this.isDown || this.refused === preset.name) throw new Error("The server does not answer.");
    const saved = { ...preset, item_id: `${preset.Modality}/${preset.name}` };
    this.kept.set(saved.item_id, saved);
    return saved;
  }
  async removePreset(item_id: string): Promise<void> {
    if (this.isDown) throw new Error("The server does not answer.");
    this.kept.delete(item_id);
  }
}

const nothing = (): void => undefined;

describe("own window presets", () => {
  it("come back in another browser, of one modality each, and can be deleted", async () => {
    const source = new Source();
    let changes = 0;
    const presets = new OwnPresets(source, null, () => { changes += 1; });
    expect(await presets.save(" Stent ", "CT", makeWindow(300, 1400))).toBeNull();
    expect(await presets.save("Stent", "MR", makeWindow(5, 10))).toBeNull();
    expect(await presets.save("Stent", "CT", makeWindow(320, 1500))).toBeNull();
    expect(changes).toBe(3);
    const again = new OwnPresets(source, new Shelf(), nothing);
    await again.load();
    expect(again.of("CT")).toMatchObject([{ name: "Stent", modality: "CT", window: makeWindow(320, 1500) }]);
    expect(again.nameOf(makeWindow(5, 10), "MR")).toBe("Stent");
    expect(await again.remove("Stent", "CT")).toBeNull();
    expect(again.of("CT")).toEqual([]);
    expect([...source.kept.keys()]).toEqual(["MR/Stent"]);
  });

  it("that a browser kept before are taken over once; what the archive has stays as it is", async () => {
    const [source, shelf] = [new Source(), new Shelf()];
    await source.savePreset({ name: "Stent", Modality: "CT", center: 1, width: 2, function: "LINEAR" });
    shelf.setItem(KEY, JSON.stringify([{ name: "Stent", modality: "CT", window: makeWindow(300, 1400) }, { name: "Spine", modality: "CT", window: makeWindow(50, 300) }]));
    const presets = new OwnPresets(source, shelf, nothing);
    await presets.load();
    expect(presets.of("CT").map(({ name, window }) => [name, window.center])).toEqual([["Stent", 1], ["Spine", 50]]);
    expect(source.kept.get("CT/Spine")).toMatchObject({ center: 50, width: 300 });
    expect(shelf.getItem(KEY)).toBeNull();
  });

  it("that could not be taken over stay in the browser, and are there all the same", async () => {
    const [source, shelf] = [new Source(), new Shelf()];
    const old = [{ name: "Stent", modality: "CT", window: makeWindow(300, 1400) }, { name: "Spine", modality: "CT", window: makeWindow(50, 300) }];
    shelf.setItem(KEY, JSON.stringify(old));
    source.isDown = true;
    const offline = new OwnPresets(source, shelf, nothing);
    await offline.load();
    expect(offline.of("CT")).toHaveLength(2);
    expect(readPresets(shelf.getItem(KEY))).toEqual(old);
    expect(await offline.save("More", "CT", makeWindow(1, 2))).toMatch(/does not answer/);
    source.isDown = false;
    source.refused = "Stent";
    const presets = new OwnPresets(source, shelf, nothing);
    await presets.load();
    expect(presets.of("CT")).toHaveLength(2);
    expect(readPresets(shelf.getItem(KEY))).toEqual([old[0]]);
  });

  it("have a name of 1 to 40 characters, a modality, and a bound", async () => {
    const presets = new OwnPresets(null, null, nothing);
    expect(await presets.save("  ", "CT", makeWindow(1, 2))).toMatch(/1 to 40/);
    expect(await presets.save("x".repeat(LONGEST_NAME + 1), "CT", makeWindow(1, 2))).toMatch(/1 to 40/);
    expect(await presets.save("a", null, makeWindow(1, 2))).toMatch(/modality/);
    for (let i = 0; i < MOST_PRESETS; i += 1) expect(await presets.save(`p${i}`, "CT", makeWindow(i, 2))).toBeNull();
    expect(await presets.save("one more", "CT", makeWindow(1, 2))).toMatch(/No more than 64/);
    expect(await presets.save("p0", "CT", makeWindow(9, 2))).toBeNull();
    expect(await presets.save("one more", "MR", makeWindow(1, 2))).toBeNull();
  });

  it("last as long as the view where nothing keeps them", async () => {
    const denied = (): never => { throw new Error("denied"); };
    const presets = new OwnPresets(null, { getItem: denied, setItem: denied, removeItem: denied }, nothing);
    await presets.load();
    expect(await presets.save("a", "CT", makeWindow(1, 2))).toBeNull();
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
