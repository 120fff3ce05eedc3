import { describe, expect, it } from "vitest";
import { decodeView, encodeView, NoView } from "../src/viewer/address";
import { COLORMAPS } from "../src/viewer/colormaps";
import { LAYOUTS } from "../src/viewer/grid";
import { defaultState, type PaneState, type ViewState } from "../src/viewer/state";

const link = { position: false, window: false, zoom: false };
const one = (more: Partial<PaneState> = {}): ViewState => ({ ...defaultState("1.2.840.1"), ...more, layout: "1x1", panes: [], active: 0, link });

/** A small generator of its own: the same views in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

function anyPane(next: () => number): PaneState {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  const number = (scale: number): number => Number(((next() - 0.5) * scale).toPrecision(7));
  return {
    StudyInstanceUID: pick(["", "2.25.7"]), SeriesInstanceUID: pick(["", `1.2.${Math.floor(next() * 1e6)}`]), index: pick([null, 0, Math.floor(next() * 3000)]),
    window: pick([null, { center: number(1e4), width: Number((1 + Math.abs(number(1e4))).toPrecision(7)), function: pick(["LINEAR", "LINEAR_EXACT", "SIGMOID"] as const) }, { center: number(1), width: 1e-9, function: "LINEAR_EXACT" as const }]),
    voi_lut: pick([null, 0, 7]), colormap: pick([null, ...COLORMAPS.map(({ name }) => name)]), inverted: next() < 0.5, zoom: pick([1, Number((0.1 + next() * 60).toPrecision(7))]), pan: [pick([0, number(1e3)]), number(1e-4)],
    rotation_deg: pick([0, 90, 180, 270] as const), flipped: next() < 0.5,
  };
}

describe("a view in an address", () => {
  it("comes back from it", () => {
    const next = random(7);
    for (let turn = 0; turn < 500; turn += 1) {
      const layout = LAYOUTS[turn % LAYOUTS.length] as (typeof LAYOUTS)[number];
      const panes = Array.from({ length: layout.rows * layout.columns }, () => anyPane(next));
      const active = Math.floor(next() * panes.length);
      const links = { position: next() < 0.5, window: next() < 0.5, zoom: next() < 0.5 };
      const view: ViewState = { ...(panes[active] as PaneState), layout: layout.name, active, link: links, panes: panes.length > 1 ? panes : [], ...(turn % 3 === 0 ? { plot: "volume-histogram" as const } : {}) };
      expect(decodeView(`#${encodeView(view)}`)).toEqual(view);
    }
  });

  it("is short, and holds UIDs and numbers alone", () => {
    expect(encodeView(one({ index: 30, window: { center: 40, width: 400, function: "LINEAR" } }))).toBe("l=1x1&p=1.2.840.1,i30,w40:400:l");
    const nine = { ...one(), layout: "3x3", panes: Array.from({ length: 9 }, () => ({ ...anyPane(random(3)), StudyInstanceUID: "9".repeat(64), SeriesInstanceUID: "9".repeat(64) })) };
    expect(encodeView(nine).length).toBeLessThan(2500);
    expect(encodeView(nine)).toMatch(/^[0-9a-z.,:=&-]+$/);
  });

  it("is none where nothing stands after the #", () => {
    expect(decodeView("")).toBeNull();
    expect(decodeView("#")).toBeNull();
  });

  it.each([
    "#<script>alert(1)</script>", "#l=4x4&p=1.2", "#l=1x1", "#l=1x1&p=1.2&p=1.3", "#l=2x2&a=4&p=1.2", "#l=2x2&a=1&p=1.2", "#l=1x1&p=javascript:x",
    "#l=1x1&p=1.2,i-1", "#l=1x1&p=1.2,i1.5", "#l=1x1&p=1.2,i99999999", "#l=1x1&p=1.2,z0", "#l=1x1&p=1.2,z1e9", "#l=1x1&p=1.2,zNaN", "#l=1x1&p=1.2,w40:0:l",
    "#l=1x1&p=1.2,w40:400", "#l=1x1&p=1.2,w40:400:x", "#l=1x1&p=1.2,w40:0.5:l", "#l=1x1&p=1.2,w40:400:constructor", "#l=1x1&p=1.2,o1", "#l=1x1&p=1.2,r45", "#l=1x1&p=1.2,__proto__",
    "#l=1x1&p=1.2,constructor", "#l=1x1&p=1.2,w1e999:4:l", `#l=1x1&p=${"1".repeat(65)}`, `#l=1x1&p=1.2,${"n,".repeat(3000)}`, "#l=1x1&p=1.2,i0x10", "#l=1x1&a=&p=1.2", "#%", "#l=toString&p=1", "#l=1x1&g=pie&p=1.2", "#l=1x1&g=constructor&p=1.2",
  ])("that is unsound is refused whole: %s", (fragment) => {
    expect(() => decodeView(fragment)).toThrow(NoView);
  });
});
