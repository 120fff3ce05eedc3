import { describe, expect, it } from "vitest";
import { type Alarm, placeOf, wordsOf } from "../src/calibration/alarms";
import { dayOf, postOf } from "../src/calibration/forms";
import { inkOf, onPoint, paletteOf } from "../src/calibration/paint";

const alarm: Alarm = { scanner: "ACME CT & Co 1", scanner_display: "CT East", protocol: "CatPhan 504, 120 kVp", quantity: "intercept_hu", rule: "ewma", side: "high" };

describe("an alarm", () => {
  it("is told in words", () => {
    expect(wordsOf(alarm)).toBe("CT East: offset passed its EWMA limit, high");
    expect(wordsOf({ ...alarm, quantity: "roi:Teflon", rule: "tolerance", side: "low" })).toBe("CT East: Teflon out of tolerance, low");
    expect(wordsOf({ ...alarm, quantity: "f50_per_mm", rule: "shewhart" })).toBe("CT East: f50 per mm passed its Shewhart limit, high");
  });

  it("keeps names that are no words of ours, cut where they are long", () => {
    const words = wordsOf({ ...alarm, scanner_display: "🩻".repeat(500), quantity: "constructor", rule: "toString" });
    expect(words).toBe(`${"🩻".repeat(63)}…: constructor passed its toString limit, high`);
  });

  it("leads to the scanner's page, whatever its name holds", () => {
    const place = placeOf({ scanner: '<img src=x>,&protocol=&"', protocol: "ä #?" });
    const { searchParams: asked, pathname } = new URL(place, "http://a.test");
    expect(pathname).toBe("/calibration");
    expect([...asked]).toEqual([["scanner", '<img src=x>,&protocol=&"'], ["protocol", "ä #?"]]);
  });
});

describe("a form", () => {
  it("is sent to where the API takes it, a day as the scanner's clock has it", () => {
    expect(postOf("event", { scanner: "A", protocol: "P", event_kind: "service", happened_on: "2026-11-09" })).toEqual({
      path: "events", body: { scanner: "A", event_kind: "service", note: "", happened_at: "2026-11-09T00:00:00" },
    });
    expect(postOf("baseline", { scanner: "A", protocol: "P", quantity: "slope", reason: "new tube", valid_on: "2026-11-09" })).toEqual({
      path: "baselines", body: { scanner: "A", protocol: "P", quantity: "slope", reason: "new tube", valid_from: "2026-11-09T00:00:00" },
    });
    expect(postOf("baseline", { quantity: "slope" })?.body).not.toHaveProperty("valid_from");
  });

  it("cannot leave its address by an alarm's id", () => {
    expect(postOf("acknowledge", { alarm_id: "../events?x=#", note: "seen" })).toEqual({ path: "alarms/..%2Fevents%3Fx%3D%23/acknowledge", body: { note: "seen" } });
  });

  it("that Python does is not sent", () => {
    expect(postOf("analyse", { model: "CatPhan 504" })).toBeNull();
    expect(postOf(undefined, {})).toBeNull();
  });

  it("begins with today as this place's calendar has it", () => {
    expect(dayOf(new Date(2026, 0, 9, 23, 59))).toBe("2026-01-09");
    expect(dayOf(new Date(2026, 11, 31, 0, 1))).toBe("2026-12-31");
  });
});

describe("a figure's ink", () => {
  const tokens: Record<string, string> = { "surface-1": "#121519", c1: "#6ea8fe", "div-1": "#0000ff", "div-2": "#000080", "div-3": "#000000", "div-4": "#800000", "div-5": "#ff0000" };
  const token = (name: string): string => tokens[name] ?? "";

  it("is of the tokens that its parts name", () => {
    expect(inkOf(["ink:line_color=c1", "ink:fill_color=surface-1", "other", 7, "ink:", "ink:x=<b>"], token)).toEqual({ line_color: "#6ea8fe", fill_color: "#121519" });
  });

  it("is left as it is where there are no tokens yet", () => {
    expect(inkOf(["ink:line_color=c1"], () => "")).toEqual({});
  });

  it("of a map goes evenly from its first colour over the middle one to its last", () => {
    const palette = inkOf(["ink:palette=div"], token)["palette"] as string[];
    expect(palette).toHaveLength(65);
    expect([palette[0], palette[16], palette[32], palette[48], palette[64]]).toEqual(["#0000ff", "#000080", "#000000", "#800000", "#ff0000"]);
    expect(paletteOf(["#000000", "#ffffff"], 3)).toEqual(["#000000", "#808080", "#ffffff"]);
  });
});

describe("a click on a point", () => {
  /** A renderer as Bokeh has it, with what a click changes. */
  function points(name: string, data: Record<string, string[]>, type = "GlyphRenderer") {
    const heard: (() => void)[] = [];
    const selected = { indices: [] as number[], properties: { indices: { change: { connect: (run: () => void) => heard.push(run) } } } };
    const part = { type, name, tags: [], data_source: { data, selected } };
    return { figure: { references: () => [part] }, click: (...places: number[]) => { selected.indices = places; heard.forEach((run) => run()); } };
  }

  it("tells the value of its column, and nothing where there is none", () => {
    const found: string[] = [];
    const mine = points("points plain", { href: ["/a", "", "/c"] });
    const other = points("line", { href: ["/no"] });
    onPoint([mine.figure, other.figure] as never, "href", (value) => found.push(value));
    for (const place of [2, 1, 0, 9]) mine.click(place);
    mine.click();
    other.click(0);
    expect(found).toEqual(["/c", "/a"]);
  });
});
