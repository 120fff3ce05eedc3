import { expect, test } from "vitest";
import { CHART_WIDTH, LABEL_WIDTH, type Label, labelsOf } from "../src/viewer/windowChart";

const ROUNDING = 1e-9;
const leftOf = ({ x, anchor }: Label): number => x - (anchor === "end" ? LABEL_WIDTH : anchor === "middle" ? LABEL_WIDTH / 2 : 0);

/** The window's two numbers are there, in order, and no number lies over another or beyond the panel's edge. */
function expectApart(low: number, high: number, range: [number, number]): void {
  const labels = labelsOf(low, high, range);
  expect(labels.slice(0, 2).map(({ value }) => value)).toEqual([low, high]);
  const lefts = labels.map(leftOf).sort((a, b) => a - b);
  for (const [i, left] of lefts.slice(1).entries()) expect(left - (lefts[i] as number)).toBeGreaterThanOrEqual(LABEL_WIDTH - ROUNDING);
  expect(lefts[0]).toBeGreaterThanOrEqual(-16);
  expect((lefts.at(-1) as number) + LABEL_WIDTH).toBeLessThanOrEqual(CHART_WIDTH + 16);
}

test("a window of the usual width has its numbers below its handles", () => {
  const [low, high] = labelsOf(-160, 240, [-300, 500]) as [Label, Label];
  expect(low).toMatchObject({ x: (140 / 800) * CHART_WIDTH, anchor: "middle", style: "strong" });
  expect(high).toMatchObject({ x: (540 / 800) * CHART_WIDTH, anchor: "middle", style: "strong" });
});

test.each([[100, 101], [0, 100], [-1000, -999], [2999, 3000], [-990, -900], [2960, 2990]])(
  "the numbers of a narrow window from %d to %d are apart", (low, high) => expectApart(low, high, [-1000, 3000]));

test("the two of a narrow window are written away from each other", () => {
  const [low, high] = labelsOf(100, 101, [-1000, 3000]) as [Label, Label];
  expect([low.anchor, high.anchor]).toEqual(["end", "start"]);
  expect(high.x - low.x).toBeCloseTo(4 + CHART_WIDTH / 4000, 6);
});
