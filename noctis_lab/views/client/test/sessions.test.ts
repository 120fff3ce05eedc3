import { describe, expect, it } from "vitest";
import { usualName } from "../src/viewer/sessions";

const SERIES = { Modality: "CT", SeriesNumber: 4, SeriesDescription: " Thorax 1.0 " };

describe("the usual name of a session", () => {
  it("says series and image, or what is seen of the volume", () => {
    expect(usualName(SERIES, { layout: "1x1", index: 10 })).toBe("Thorax 1.0, image 11");
    expect(usualName(SERIES, { layout: "mpr", index: null })).toBe("Thorax 1.0, planes");
    expect(usualName(SERIES, { layout: "3d", index: null })).toBe("Thorax 1.0, volume");
    expect(usualName(SERIES, { layout: "1x1", index: null })).toBe("Thorax 1.0");
  });

  it("goes by modality and number where there is no description, and never gets too long", () => {
    expect(usualName({ ...SERIES, SeriesDescription: " " }, { layout: "1x2", index: 0 })).toBe("CT series 4, image 1");
    expect(usualName({ Modality: null, SeriesNumber: null, SeriesDescription: null }, { layout: "1x1", index: 0 })).toBe("View, image 1");
    expect(usualName(null, { layout: "1x1", index: 0 })).toBe("View, image 1");
    const long = usualName({ ...SERIES, SeriesDescription: "x".repeat(300) }, { layout: "1x1", index: 99 });
    expect(long).toHaveLength(100);
    expect(long.endsWith(", image 100")).toBe(true);
  });
});
