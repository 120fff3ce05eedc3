import { describe, expect, it } from "vitest";
import type { StackDescription } from "../src/ground/transport";
import type { Measurement } from "../src/measure/shapes";
import { ChannelTransport, type ComponentModel } from "../src/viewer/channel";

class KeptModel implements ComponentModel {
  readonly sent: Record<string, unknown>[] = [];
  readonly hears = new Set<(event: never) => void>();
  send_msg(data: unknown): void {
    this.sent.push(data as Record<string, unknown>);
  }
  on(_event: string | string[], callback: (event: never) => void): void {
    this.hears.add(callback);
  }
  off(_event: string | string[], callback: (event: never) => void): void {
    this.hears.delete(callback);
  }
  say(data: unknown): void {
    for (const hear of this.hears) hear(data as never);
  }
}

const STACK = { SeriesInstanceUID: "1.2.3", revision: "abc" } as StackDescription;

describe("the channel", () => {
  it("matches answers to questions, whatever their order", async () => {
    const model = new KeptModel();
    const channel = new ChannelTransport(model);
    const [one, two] = [channel.pixels(STACK, 0, 1), channel.pixels(STACK, 1, 2)];
    expect(model.sent.map(({ what, first, count, revision }) => [what, first, count, revision])).toEqual([["pixels", 0, 1, "abc"], ["pixels", 1, 2, "abc"]]);
    model.say({ kind: "answer", id: model.sent[1]?.["id"], body: new Uint8Array([2]).buffer });
    model.say({ kind: "answer", id: model.sent[0]?.["id"], body: new Uint8Array([1, 1]).subarray(1) });
    expect([...new Uint8Array(await one), ...new Uint8Array(await two)]).toEqual([1, 2]);
  });

  it("turns an error into its words", async () => {
    const model = new KeptModel();
    const asked = new ChannelTransport(model).stack("1.2.3");
    model.say({ kind: "answer", id: model.sent[0]?.["id"], error: "series 1.2.3 is not in this archive" });
    await expect(asked).rejects.toThrow("series 1.2.3 is not in this archive");
  });

  it("says of an error what HTTP would say", async () => {
    const model = new KeptModel();
    const asked = new ChannelTransport(model).pixels(STACK, 0, 1);
    model.say({ kind: "answer", id: model.sent[0]?.["id"], error: "describe it again", status: 409 });
    await expect(asked).rejects.toMatchObject({ message: "describe it again", status: 409 });
  });

  it("lists, saves and deletes measurements of a series", async () => {
    const model = new KeptModel();
    const channel = new ChannelTransport(model);
    const measurement = { MeasurementUID: "ab", SeriesInstanceUID: "1.2.3" } as Measurement;
    const asked = [channel.list("1.1", "1.2.3"), channel.save(measurement), channel.remove(measurement)] as const;
    expect(model.sent.map(({ id: _, ...question }) => question)).toEqual([
      { kind: "ask", SeriesInstanceUID: "1.2.3", what: "measurements" },
      { kind: "ask", SeriesInstanceUID: "1.2.3", what: "save-measurement", measurement },
      { kind: "ask", SeriesInstanceUID: "1.2.3", what: "delete-measurement", MeasurementUID: "ab" },
    ]);
    model.sent.forEach(({ id }, i) => model.say({ kind: "answer", id, body: [[measurement], { ...measurement, author: "me" }, {}][i] }));
    expect(await Promise.all(asked)).toEqual([[measurement], { ...measurement, author: "me" }, undefined]);
  });

  it("says so when a question is cancelled, and hears no late answer", async () => {
    const model = new KeptModel();
    const cancel = new AbortController();
    const asked = new ChannelTransport(model).pixels(STACK, 0, 8, cancel.signal);
    cancel.abort();
    await expect(asked).rejects.toThrow("cancelled");
    expect(model.sent[1]).toEqual({ kind: "cancel", id: model.sent[0]?.["id"] });
    model.say({ kind: "answer", id: model.sent[0]?.["id"], body: new ArrayBuffer(1) });
  });

  it("leaves answers to other views alone", async () => {
    const model = new KeptModel();
    const [one, other] = [new ChannelTransport(model), new ChannelTransport(model)];
    const asked = one.stack("1.2.3");
    void other;
    model.say({ kind: "answer", id: "someone-else", body: {} });
    model.say({ kind: "series-step" });
    model.say({ kind: "answer", id: model.sent[0]?.["id"], body: { kind: "volume" } });
    expect(await asked).toEqual({ kind: "volume" });
  });

  it("gives up what is pending when the view closes", async () => {
    const model = new KeptModel();
    const channel = new ChannelTransport(model);
    const asked = channel.stack("1.2.3");
    channel.close();
    await expect(asked).rejects.toThrow("closed");
    expect(model.hears.size).toBe(0);
  });
});
