import { describe, expect, it } from "vitest";
import { isCommand } from "../src/ground/keys";

const pressed = (key: string, held: ("alt" | "ctrl" | "meta" | "graph")[] = []): Parameters<typeof isCommand>[0] => ({
  key, altKey: held.includes("alt"), ctrlKey: held.includes("ctrl"), metaKey: held.includes("meta"), getModifierState: (name) => name === "AltGraph" && held.includes("graph"),
});

describe("a key with a modifier", () => {
  it("is the sign alone where the keyboard has it on AltGr, as Windows tells it and as others do", () => {
    for (const key of ["[", "]", "{", "}", "<", ">"]) {
      expect(isCommand(pressed(key, ["alt", "ctrl", "graph"]), false)).toBe(false);
      expect(isCommand(pressed(key, ["graph"]), false)).toBe(false);
    }
  });

  it("is the sign alone where a Mac has it on Option", () => {
    expect(isCommand(pressed("{", ["alt"]), true)).toBe(false);
    expect(isCommand(pressed("{", ["alt"]), false)).toBe(true);
    expect(isCommand(pressed("{", ["alt", "ctrl"]), true)).toBe(true);
  });

  it("is another command otherwise", () => {
    expect(isCommand(pressed("["))).toBe(false);
    for (const held of ["alt", "ctrl", "meta"] as const) expect(isCommand(pressed("m", [held]), true)).toBe(true);
    expect(isCommand(pressed("[", ["meta"]), true)).toBe(true);
    expect(isCommand(pressed("[", ["ctrl"]), false)).toBe(true);
    for (const key of ["ArrowUp", "m", "1", " "]) expect(isCommand(pressed(key, ["alt", "ctrl", "graph"]), false)).toBe(true);
  });
});
