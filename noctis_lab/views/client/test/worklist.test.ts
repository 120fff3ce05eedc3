import { describe, expect, it } from "vitest";
import { DEFAULT_SORT, EMPTY_QUERY, fromFragment, isNarrowed, nextSort, pythonOf, pythonOfSeries, rootOptionOf, toFragment } from "../src/worklist/query";
import { formatArrival, formatCount, tokensOf } from "../src/worklist/words";

describe("the search in the address's fragment", () => {
  it("comes back as it was written, whatever it holds", () => {
    const query = {
      text: "müller & söhne #1 <img onerror=x>",
      filters: { modalities: ["CT", "MR"], facilities: ["er west", "a&b"], received_days: 7 },
      sort: "PatientName",
    };
    expect(fromFragment(`#${toFragment(query)}`)).toEqual(query);
  });

  it("is empty for the default", () => {
    expect(toFragment(EMPTY_QUERY)).toBe("");
    expect(fromFragment("")).toEqual(EMPTY_QUERY);
    expect(isNarrowed(EMPTY_QUERY)).toBe(false);
  });

  it("holds only what the API takes, however a person writes it", () => {
    const query = fromFragment(`#q=${"x".repeat(500)}&days=-3&sort=a;drop`);
    expect(query.text.length).toBe(200);
    expect(query.filters.received_days).toBeNull();
    expect(query.sort).toBe(DEFAULT_SORT);
  });
});

describe("sorting", () => {
  it("goes up at the first click and down at the second", () => {
    expect(nextSort(DEFAULT_SORT, "PatientName")).toBe("PatientName");
    expect(nextSort("PatientName", "PatientName")).toBe("-PatientName");
    expect(nextSort("-PatientName", "PatientName")).toBe("PatientName");
  });
});

describe("what a row says of its arrival", () => {
  const now = new Date(2026, 10, 24, 12, 0, 0); // a Tuesday
  it.each([
    [new Date(2026, 10, 24, 11, 59, 50), "now"],
    [new Date(2026, 10, 24, 9, 41), "09:41"],
    [new Date(2026, 10, 22, 18, 30), "Sun 18:30"],
    [new Date(2026, 10, 16, 8, 0), "16 Nov"],
    [new Date(2025, 1, 3, 8, 0), "3 Feb 2025"],
  ])("%s", (at, words) => expect(formatArrival(at, now)).toBe(words));
});

describe("SQL in colours", () => {
  const sql = "select * from studies where PatientName = 'O''Brien and sons' and series_count > 12.5";
  it("is the same text when joined again", () => {
    expect(tokensOf(sql).map(([, text]) => text).join("")).toBe(sql);
  });
  it("does not take words within a text for keywords", () => {
    expect(tokensOf(sql)).toContainEqual(["text", "'O''Brien and sons'"]);
    expect(tokensOf(sql).filter(([kind]) => kind === "keyword").map(([, text]) => text)).toEqual(["select", "from", "where", "and"]);
  });
});

describe("the Python beside a search", () => {
  it("cannot be left by a name that holds quotes", () => {
    const python = pythonOf(`select 'x"""\nimport os' from studies`, null);
    expect(python.split('"""').length).toBe(3);
  });

  it("names the archive where that is not the usual one", () => {
    expect(pythonOf("select 1", null)).toContain("nl.open_lab()");
    expect(pythonOf("select 1", '/data/a "b"')).toContain('nl.open_lab("/data/a \\"b\\"")');
    expect(pythonOfSeries("1.2", "1.3", "/data")).toContain('nl.open_lab("/data")');
    expect(rootOptionOf(null)).toBe("");
    expect(rootOptionOf("/home/rosa/noctis-demo")).toBe(" --root /home/rosa/noctis-demo");
    expect(rootOptionOf("/data/rosa's $HOME")).toBe(" --root '/data/rosa'\\''s $HOME'");
  });
});

it("counts with the right noun", () => {
  expect([formatCount(1, "image"), formatCount(2, "image"), formatCount(2, "study"), formatCount(3, "series")])
    .toEqual(["1 image", "2 images", "2 studies", "3 series"]);
});
