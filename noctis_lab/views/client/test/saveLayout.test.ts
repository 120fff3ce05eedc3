import { describe, expect, it } from "vitest";
import type { StackDescription } from "../src/ground/transport";
import { isInOwnWindow, withoutOwnWindows } from "../src/viewer/saveLayout";
import { defaultState, type PaneState, type ViewState, type Window } from "../src/viewer/state";
import { makeWindow } from "../src/viewer/windowing";

const OWN = makeWindow(40, 400);

function pane(window: Window | null, windows = [OWN], voi_lut: number | null = null): Parameters<typeof isInOwnWindow>[0] {
  const named = windows.map((each) => ({ ...each, name: "", is_stated: true }));
  return { stack: { windows: named } as unknown as StackDescription, window, told: { ...defaultState("1.2"), window, voi_lut } };
}

describe("a layout that is saved", () => {
  it("tells a window that was chosen from the one that the series opens in", () => {
    expect(isInOwnWindow(pane(OWN))).toBe(true);
    expect(isInOwnWindow(pane(makeWindow(-600, 1500)))).toBe(false);
    expect(isInOwnWindow(pane(makeWindow(-600, 1500), []))).toBe(true); // colours, or nothing here yet
    expect(isInOwnWindow(pane(OWN, [OWN], 1))).toBe(false);
  });

  it("states no window where panes are in their series' own, the active one's too", () => {
    const lung = makeWindow(-600, 1500);
    const panes: PaneState[] = [{ ...defaultState("1.2"), window: OWN }, { ...defaultState("1.3"), window: lung }];
    const state: ViewState = { ...(panes[0] as PaneState), layout: "1x2", panes, active: 0, link: { position: true, window: false, zoom: false } };
    const bare = withoutOwnWindows(state, [pane(OWN), pane(lung)]);
    expect(bare.window).toBeNull();
    expect(bare.panes.map(({ window }) => window)).toEqual([null, lung]);
  });
});
