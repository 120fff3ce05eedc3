import { describe, expect, it } from "vitest";
import type { StackDescription } from "../src/ground/transport";
import { PageTransport } from "../src/viewer/exported";

async function encoded(values: number[]): Promise<string> {
  const deflated = new Blob([new Int16Array(values)]).stream().pipeThrough(new CompressionStream("deflate"));
  return btoa(String.fromCharCode(...new Uint8Array(await new Response(deflated).arrayBuffer())));
}

const stack = { SeriesInstanceUID: "0.1", frames: [{}, {}, {}] } as StackDescription;
const transport = new PageTransport({ stacks: { "0.1": stack }, pixels: { "0.1": await Promise.all([[1, -2], [300, 4], [5, 6]].map(encoded)) } });

describe("a page that holds its frames", () => {
  it("gives them back to back", async () => {
    expect([...new Int16Array(await transport.pixels(stack, 1, 2))]).toEqual([300, 4, 5, 6]);
    expect(await transport.stack("0.1")).toBe(stack);
  });

  it("says what it does not hold", async () => {
    await expect(transport.stack("0.2")).rejects.toThrow("does not hold it");
    await expect(transport.pixels(stack, 2, 2)).rejects.toThrow("does not hold these images");
    await expect(transport.elements()).rejects.toThrow("not their elements");
  });

  it("gives nothing up to a view that went on", async () => {
    const gone = new AbortController();
    gone.abort();
    await expect(transport.pixels(stack, 0, 1, gone.signal)).rejects.toThrow();
  });
});
