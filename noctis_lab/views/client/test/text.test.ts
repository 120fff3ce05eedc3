import { describe, expect, it } from "vitest";
import { formatAtScale, formatBytes, formatDate, formatNumber } from "../src/ground/numbers";
import { formatPersonName } from "../src/ground/personName";
import { failureOf } from "../src/ground/transport";
import type { FrameDescription } from "../src/ground/transport";
import { histogramOf, ticksBetween } from "../src/viewer/histogram";
import { neighbourDistance, railPositions, scaleBarLength } from "../src/viewer/stage";
import { formatPlace, formatValue } from "../src/viewer/status";

describe("numbers", () => {
  it("have a real minus, thin thousands and no noise", () => {
    expect(formatNumber(-382.5)).toBe("−382.5");
    expect(formatNumber(20000, 0)).toBe("20\u2009000");
    expect(formatNumber(2253)).toBe("2253");
    expect(formatNumber(1.5, 3)).toBe("1.5");
    expect(formatNumber(-0.04)).toBe("0");
    expect(formatNumber(3, 1, { fixed: true })).toBe("3.0");
    expect(formatNumber(NaN)).toBe("not a number");
  });

  it("are as precise as the window is narrow", () => {
    expect([formatAtScale(8067.063, 16132.962), formatAtScale(40, 400), formatAtScale(0.12345, 0.5)]).toEqual(["8067", "40", "0.1235"]);
  });

  it("of bytes count by thousands", () => {
    expect([0, 999, 5_800_000, 512_000_000].map(formatBytes)).toEqual(["0 B", "999 B", "5.8 MB", "512 MB"]);
  });

  it("of dates are ISO where the date is one", () => {
    expect(formatDate("20261123")).toBe("2026-11-23");
    expect(formatDate("about 1970")).toBe("about 1970");
  });

  it("of places carry the patient's letters", () => {
    expect(formatPlace([39.1, -47.8, -382.5])).toBe("L 39.1 A 47.8 F 382.5");
    expect(formatPlace([-0.01, 0, 0])).toBe("L 0.0 P 0.0 H 0.0");
  });

  it("of values are as precise as they are", () => {
    expect([75, -1024, 0.123456, 12.345, 1234.56].map(formatValue)).toEqual(["75", "−1024", "0.1235", "12.35", "1234.6"]);
    expect([0.00123456, -0.000012345, 1.5e-9, -2.25e-12, 0].map(formatValue)).toEqual(["0.001235", "−0.00001234", "1.500e−9", "−2.250e−12", "0"]);
  });
});

describe("the stage's measures", () => {
  const at = (z_mm: number | null): FrameDescription => ({ z_mm }) as FrameDescription;

  it("are whole centimetres", () => {
    expect(scaleBarLength(3.4, 360)).toBe(100);
    expect(scaleBarLength(3.4, 30)).toBeNull();
    expect(scaleBarLength(0.5, 360)).toBe(500);
  });

  it("put ticks at true positions, the highest on top", () => {
    expect(railPositions([at(0), at(10), at(40)])).toEqual([1, 0.75, 0]);
    expect(railPositions([at(null), at(10), at(40)])).toEqual([0, 0.5, 1]);
  });

  it("know the nearest neighbour", () => {
    expect(neighbourDistance([at(0), at(10), at(40)], 1)).toBe(10);
    expect(neighbourDistance([at(0)], 0)).toBeNull();
  });

  it("count values in equal steps, those outside left out", () => {
    const stored = Int16Array.from([0, 1, 1, 2, 3, 99, -99]);
    expect([...histogramOf({ rows: 1, columns: 7, channels: 1, slope: 1, intercept: 0, data: stored }, 0, 4, 4)]).toEqual([1, 2, 1, 1]);
  });

  it("name round numbers", () => {
    expect(ticksBetween(-300, 500)).toEqual([0, 500]);
    expect(ticksBetween(0, 3)).toEqual([0, 1, 2, 3]);
  });
});

describe("a failed request", () => {
  it("speaks the server's words, or ours", async () => {
    const problem = JSON.stringify({ detail: "Expected pixels, got none. Look elsewhere.", what_to_do: "Look elsewhere." });
    expect((await failureOf(new Response(problem, { status: 422 }))).message).toBe("Expected pixels, got none. Look elsewhere.");
    expect((await failureOf(new Response('{"detail": "series 1.2 is not here"}', { status: 404 }))).message).toBe("series 1.2 is not here (HTTP 404)");
    expect((await failureOf(new Response("<html>", { status: 403 }))).message).toBe("Your account may not see this. (HTTP 403)");
    expect((await failureOf(new Response('{"detail": [1]}', { status: 500 }))).message).toBe("The server could not answer. (HTTP 500)");
  });
});

describe("formatPersonName", () => {
  it.each([
    ["PHANTOM^TORSO", "PHANTOM, TORSO"], ["Yamada^Tarou=山田^太郎", "Yamada, Tarou"], ["ONE", "ONE"], ["A^B^C^Dr", "A, B C Dr"], ["^Given", "Given"], ["=山田^太郎", "=山田^太郎"], ["", ""],
  ])("writes %s as the image's corner does", (stored, written) => expect(formatPersonName(stored)).toBe(written));
});
