import { describe, expect, it } from "vitest";
import { type ElementText, type FrameDescription, type StackDescription, type Transport, TransportError } from "../src/ground/transport";
import { FrameStore, type FrameLimits, placeOf } from "../src/viewer/frames";

const FRAME: FrameDescription = {
  SOPInstanceUID: "1.2", frame: 0, rows: 2, columns: 2, dtype: "int16", slope: 1, intercept: 0, position_mm: null, z_mm: null, InstanceNumber: null,
};
const BYTES = 8;
const LIMITS: FrameLimits = { keptBytes: 1e9, requests: 3, batchFrames: 4, batchBytes: 1e9 };

function stackOf(count: number): StackDescription {
  return {
    SeriesInstanceUID: "1.2.3", kind: "volume", badges: [], units: "HU", modality: "CT", photometric_interpretation: "MONOCHROME2", orientation: null,
    pixel_spacing_mm: null, windows: [], frames: Array.from({ length: count }, (_, i) => ({ ...FRAME, SOPInstanceUID: `1.2.${i}` })), corner: { top_left: [], top_right: [], bottom_right: [] },
  };
}

interface Asked {
  first: number;
  count: number;
  signal: AbortSignal;
  answer(): Promise<void>;
  fail(message: string, status?: number): Promise<void>;
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** A transport whose answers the test gives; each frame's first voxel is its index. */
class HeldTransport implements Transport {
  readonly asked: Asked[] = [];
  readonly #answered = new Set<Asked>();
  get open(): Asked[] {
    return this.asked.filter((item) => !this.#answered.has(item) && !item.signal.aborted);
  }
  stack(): Promise<StackDescription> {
    return Promise.reject(new Error("not asked here"));
  }
  elements(): Promise<ElementText[]> {
    return Promise.resolve([]);
  }
  pixels(_stack: StackDescription, first: number, count: number, signal?: AbortSignal): Promise<ArrayBuffer> {
    return new Promise((resolve, reject) => {
      const item: Asked = {
        first, count, signal: signal as AbortSignal,
        answer: () => {
          this.#answered.add(item);
          const values = new Int16Array(count * 4);
          for (let i = 0; i < count; i += 1) values[i * 4] = first + i;
          resolve(values.buffer);
          return settled();
        },
        fail: (message, status) => {
          this.#answered.add(item);
          reject(new TransportError(message, status));
          return settled();
        },
      };
      signal?.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
      this.asked.push(item);
    });
  }
}

function storeOf(count: number, limits: Partial<FrameLimits> = {}) {
  const transport = new HeldTransport();
  const landed: number[] = [];
  const failed: [number, string][] = [];
  const stale: true[] = [];
  const store = new FrameStore(stackOf(count), transport, {
    onLanded: (first, n) => landed.push(...Array.from({ length: n }, (_, i) => first + i)),
    onFailed: (index, message) => failed.push([index, message]),
    onStale: () => stale.push(true),
  }, { ...LIMITS, ...limits });
  const drain = async (): Promise<void> => {
    while (transport.open[0]) await transport.open[0].answer();
  };
  return { transport, store, landed, failed, stale, drain };
}

describe("frames", () => {
  it("in view come first and alone, then their neighbours, more of them ahead", () => {
    const { transport, store } = storeOf(100);
    store.want(50, 1);
    expect(transport.asked.map(({ first, count }) => [first, count])).toEqual([[50, 1], [51, 4], [46, 4]]);
  });

  it("are never asked for by more requests than are allowed, nor twice", async () => {
    const { transport, store, drain } = storeOf(100);
    store.want(50, 1);
    expect(transport.open).toHaveLength(3);
    await drain();
    const all = transport.asked.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(store.count).toBe(100);
    expect(store.bytes).toBe(100 * BYTES);
  });

  it("hold what was sent for them", async () => {
    const { store, drain } = storeOf(10);
    store.want(0, 1);
    await drain();
    for (let i = 0; i < 10; i += 1) expect(store.frame(i)?.stored[0]).toBe(i);
  });

  it("far away are cancelled for the one that is looked at now", () => {
    const { transport, store } = storeOf(1000);
    store.want(0, 1);
    expect(transport.open).toHaveLength(3);
    store.want(900, 1);
    expect(transport.open.map(({ first }) => first)).toContain(900);
    expect(transport.open.length).toBeLessThanOrEqual(3);
    expect(transport.asked.filter(({ signal }) => signal.aborted)).toHaveLength(1);
  });

  it("stay within their bound in bytes, those nearest to the view kept", async () => {
    const { store, drain, transport } = storeOf(100, { keptBytes: 10 * BYTES });
    store.want(20, 1);
    await drain();
    expect(store.bytes).toBeLessThanOrEqual(10 * BYTES);
    store.want(80, 1);
    await drain();
    expect(store.bytes).toBeLessThanOrEqual(10 * BYTES);
    expect(store.has(80) && store.has(81) && store.has(79)).toBe(true);
    expect(store.has(20)).toBe(false);
    expect(transport.asked.length).toBeLessThan(20);
  });

  it("larger than the bound are still shown, one at a time", async () => {
    const { store, drain } = storeOf(5, { keptBytes: BYTES - 1 });
    store.want(3, 1);
    await drain();
    expect(store.has(3)).toBe(true);
    expect(store.count).toBe(1);
  });

  it("are let go as soon as the bound is smaller, those nearest to the view last", async () => {
    const limits = { ...LIMITS };
    const transport = new HeldTransport();
    const store = new FrameStore(stackOf(9), transport, { onLanded: () => undefined, onFailed: () => undefined, onStale: () => undefined }, limits);
    const drain = async (): Promise<void> => { for (let next = transport.open[0]; next; next = transport.open[0]) await next.answer(); };
    store.want(4, 1);
    await drain();
    expect(store.count).toBe(9);
    limits.keptBytes = 3 * BYTES;
    store.fit();
    expect([store.count, store.bytes, store.has(4), store.has(5)]).toEqual([3, 3 * BYTES, true, true]);
    limits.keptBytes = 1e9;
    store.fit();
    await drain();
    expect(store.count).toBe(9);
  });

  it("that are kept elsewhere are not asked for", async () => {
    const transport = new HeldTransport();
    const events = { onLanded: () => undefined, onFailed: () => undefined, onStale: () => undefined };
    const store = new FrameStore(stackOf(4), transport, events, LIMITS, { isKept: (index) => index !== 2 });
    store.want(0, 1);
    expect(transport.asked.map(({ first, count }) => [first, count])).toEqual([[2, 1]]);
    await transport.open[0]?.answer();
    store.release(2);
    expect([store.count, store.bytes]).toEqual([0, 0]);
  });

  it("that fail in a batch are asked for one by one, and only the bad one fails", async () => {
    const { transport, store, failed } = storeOf(5);
    store.want(0, 1);
    await transport.open[0]?.answer();
    await transport.open.find(({ count }) => count === 4)?.fail("frame 2 does not decode");
    for (let turn = 0; turn < 8 && transport.open.length > 0; turn += 1) {
      for (const item of transport.open) await (item.first === 2 ? item.fail("frame 2 does not decode") : item.answer());
    }
    expect(failed).toEqual([[2, "frame 2 does not decode"]]);
    expect(store.failure(2)).toBe("frame 2 does not decode");
    expect(store.count).toBe(4);
  });

  it("are not asked for on and on where the server is down", async () => {
    const { transport, store } = storeOf(500);
    store.want(250, 1);
    for (let turn = 0; turn < 50 && transport.open[0]; turn += 1) await transport.open[0].fail("no answer");
    expect(transport.asked.length).toBeLessThan(12);
  });

  it("of another length than they have are refused in words", async () => {
    const transport = new HeldTransport();
    const failed: string[] = [];
    const short: Transport = { stack: () => transport.stack(), elements: () => transport.elements(), pixels: () => Promise.resolve(new ArrayBuffer(3)) };
    const store = new FrameStore(stackOf(1), short, { onLanded: () => undefined, onFailed: (_, message) => failed.push(message), onStale: () => undefined }, LIMITS);
    store.want(0);
    await settled();
    expect(failed).toEqual(["The server sent 3 bytes where these pixels take 8."]);
  });

  it("of a series that has grown are asked for no more until it is described again", async () => {
    const { transport, store, stale, failed } = storeOf(100);
    store.want(50, 1);
    for (const item of transport.open) await item.fail("series 1.2.3 has other frames; describe it again", 409);
    store.want(60, 1);
    expect(stale).toEqual([true]);
    expect(failed).toEqual([]);
    expect(transport.asked).toHaveLength(3);
  });

  it("that an earlier description's store holds are not asked for again", async () => {
    const { store, drain } = storeOf(3);
    store.want(0, 1);
    await drain();
    const grown = { ...stackOf(4), frames: [{ ...FRAME, SOPInstanceUID: "1.2.99" }, ...stackOf(3).frames] };
    const transport = new HeldTransport();
    const next = new FrameStore(grown, transport, { onLanded: () => undefined, onFailed: () => undefined, onStale: () => undefined }, LIMITS);
    next.adopt(store);
    store.close();
    next.want(1, 1);
    expect(next.count).toBe(3);
    expect(next.bytes).toBe(3 * BYTES);
    expect([1, 2, 3].map((index) => next.frame(index)?.stored[0])).toEqual([0, 1, 2]);
    expect(transport.asked.map(({ first, count }) => [first, count])).toEqual([[0, 1]]);
  });

  it("are known again by instance and frame, wherever they stand", () => {
    const { frames } = stackOf(3);
    expect(placeOf({ SOPInstanceUID: "1.2.2", frame: 0 }, frames)).toBe(2);
    expect(placeOf({ SOPInstanceUID: "1.2.2", frame: 1 }, frames)).toBeNull();
  });

  it("that land after closing are let go", async () => {
    const { transport, store, landed } = storeOf(10);
    store.want(0, 1);
    store.close();
    expect(transport.open).toHaveLength(0);
    await settled();
    expect(landed).toEqual([]);
  });
});
