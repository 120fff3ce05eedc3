import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Refresher, WindowRequests } from "../src/worklist/pacing";

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

describe("what happened", () => {
  function held() {
    const ends: (() => void)[] = [];
    const refresher = new Refresher(() => new Promise((resolve) => { ends.push(resolve); }), 250);
    return { refresher, ends };
  }

  it("many times at once is one refresh", async () => {
    const { refresher, ends } = held();
    for (let i = 0; i < 5; i += 1) refresher.ask();
    await vi.advanceTimersByTimeAsync(1000);
    expect(ends).toHaveLength(1);
  });

  it("while it is paused is shown when it goes on", async () => {
    const { refresher, ends } = held();
    refresher.pause(true);
    refresher.ask();
    await vi.advanceTimersByTimeAsync(1000);
    expect(ends).toHaveLength(0);
    refresher.pause(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(ends).toHaveLength(1);
  });

  it("during a refresh is followed by another one", async () => {
    const { refresher, ends } = held();
    refresher.ask();
    await vi.advanceTimersByTimeAsync(250);
    refresher.ask();
    ends[0]?.();
    await vi.advanceTimersByTimeAsync(250);
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await vi.advanceTimersByTimeAsync(1000);
    expect(ends).toHaveLength(2);
  });
});

describe("windows of rows", () => {
  function asking() {
    const asked: { window: number; signal: AbortSignal; end(): void }[] = [];
    const requests = new WindowRequests((window, signal) => new Promise((resolve) => {
      asked.push({ window, signal, end: resolve });
    }), 80);
    return { asked, requests };
  }

  it("are asked for once, however often they are drawn without", async () => {
    const { asked, requests } = asking();
    for (let i = 0; i < 20; i += 1) {
      requests.need([3, 4]);
      await vi.advanceTimersByTimeAsync(16);
    }
    expect(asked.map(({ window }) => window)).toEqual([3, 4]);
  });

  it("that the table flies past are not asked for, or given up", async () => {
    const { asked, requests } = asking();
    for (let window = 0; window < 100; window += 1) {
      requests.need([window]);
      await vi.advanceTimersByTimeAsync(16);
    }
    await vi.advanceTimersByTimeAsync(80);
    expect(asked.length).toBeLessThan(25);
    expect(asked.filter(({ signal }) => !signal.aborted).map(({ window }) => window)).toEqual([99]);
  });

  it("may be asked for again after an answer, or after another search", async () => {
    const { asked, requests } = asking();
    requests.need([1]);
    await vi.advanceTimersByTimeAsync(80);
    asked[0]?.end();
    await vi.advanceTimersByTimeAsync(0);
    requests.need([1]);
    await vi.advanceTimersByTimeAsync(80);
    requests.clear();
    expect(asked[1]?.signal.aborted).toBe(true);
    requests.need([1]);
    await vi.advanceTimersByTimeAsync(80);
    expect(asked.map(({ window }) => window)).toEqual([1, 1, 1]);
  });
});
