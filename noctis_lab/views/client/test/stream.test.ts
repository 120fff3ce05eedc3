import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ALARM, followAlarms } from "../src/calibration/alarms";
import type { Connection } from "../src/ground/happenings";
import { HttpSource } from "../src/worklist/api";

/** The browser's own, as far as it tells of its ends. */
class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static readonly opened: Stream[] = [];
  readyState = 0;
  constructor(readonly url: string) {
    super();
    Stream.opened.push(this);
  }
  tell(kind: string, readyState: number): void {
    this.readyState = readyState;
    this.dispatchEvent(new Event(kind));
  }
  close(): void {
    this.readyState = Stream.CLOSED;
  }
}

describe("the stream of what happens", () => {
  let status = 401;
  beforeEach(() => {
    vi.useFakeTimers();
    Stream.opened.length = 0;
    vi.stubGlobal("EventSource", Stream);
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("{}", { status })));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  function followed(): { heard: Connection[]; stop: () => void } {
    const heard: Connection[] = [];
    const stop = new HttpSource().follow(() => undefined, (how) => heard.push(how));
    return { heard, stop };
  }

  it("says that one is signed out where that is why it was refused", async () => {
    status = 401;
    const { heard, stop } = followed();
    Stream.opened[0]?.tell("error", Stream.CLOSED);
    await vi.advanceTimersByTimeAsync(1);
    expect(heard).toEqual(["away", "signed-out"]);
    stop();
  });

  it("says so once, and that it is live once one signed in elsewhere", async () => {
    status = 401;
    const { heard, stop } = followed();
    for (let i = 0; i < 3; i += 1) {
      Stream.opened[i]?.tell("error", Stream.CLOSED);
      await vi.advanceTimersByTimeAsync(15_000);
    }
    expect(Stream.opened).toHaveLength(4);
    expect(heard).toEqual(["away", "signed-out"]);
    Stream.opened[3]?.tell("open", 1);
    expect(heard).toEqual(["away", "signed-out", "live"]);
    stop();
  });

  it("tells nothing any more after its end", async () => {
    status = 401;
    const { heard, stop } = followed();
    Stream.opened[0]?.tell("error", Stream.CLOSED);
    stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heard).toEqual(["away"]);
    expect(Stream.opened).toHaveLength(1);
  });

  it("is asked for anew after a refusal, which the browser takes for its end", async () => {
    status = 502;
    const { heard, stop } = followed();
    Stream.opened[0]?.tell("error", Stream.CLOSED);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(Stream.opened).toHaveLength(2);
    Stream.opened[1]?.tell("open", 1);
    expect(heard).toEqual(["away", "live"]);
    stop();
    expect(Stream.opened[1]?.readyState).toBe(Stream.CLOSED);
  });

  it("is left to the browser where the line alone broke, and ends when told", async () => {
    const { heard, stop } = followed();
    Stream.opened[0]?.tell("error", 0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heard).toEqual(["away"]);
    expect(Stream.opened).toHaveLength(1);
    Stream.opened[0]?.tell("error", Stream.CLOSED);
    stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(Stream.opened).toHaveLength(1);
  });

  it("tells a page of alarms, and goes on telling after a refusal", async () => {
    status = 401;
    const alarm = { scanner: "a b", scanner_display: "Scanner A", protocol: "p", quantity: "water_hu", rule: "ewma", side: "high" };
    const [words, heard]: [string[], Connection[]] = [[], []];
    const stop = followAlarms((said, href) => words.push(`${said} ${href}`), (how) => heard.push(how));
    Stream.opened[0]?.tell("error", Stream.CLOSED);
    await vi.advanceTimersByTimeAsync(15_000);
    Stream.opened[1]?.tell("open", 1);
    Stream.opened[1]?.dispatchEvent(new MessageEvent(ALARM, { data: JSON.stringify(alarm) }));
    expect(heard).toEqual(["away", "signed-out", "live"]);
    expect(words).toEqual(["Scanner A: water passed its EWMA limit, high /calibration?scanner=a+b&protocol=p"]);
    stop();
  });
});
