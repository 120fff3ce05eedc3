/** A view in a file of its own: the page holds its frames, and nobody is asked. */
import { type ElementText, type StackDescription, type Transport, TransportError } from "../ground/transport";
import type { Measurement } from "../measure/shapes";
import type { MeasurementSource } from "../measure/store";
import { ViewerApp } from "./app";
import type { ViewState } from "./state";

/** What `views/exporting.py` writes into the page. */
export interface ExportedView {
  state: ViewState;
  stacks: Record<string, StackDescription>;
  /** Of each stack its frames' bytes, one by one: zlib, in Base64. */
  pixels: Record<string, string[]>;
}

async function inflate(encoded: string): Promise<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(encoded), (code) => code.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

/** The transport of a page that holds everything itself. */
export class PageTransport implements Transport, MeasurementSource {
  constructor(readonly view: Pick<ExportedView, "stacks" | "pixels">) {}

  stack(SeriesInstanceUID: string): Promise<StackDescription> {
    const stack = this.view.stacks[SeriesInstanceUID];
    return stack ? Promise.resolve(stack) : Promise.reject(new TransportError("This file does not hold it."));
  }

  async pixels({ SeriesInstanceUID }: StackDescription, first: number, count: number, signal?: AbortSignal): Promise<ArrayBuffer> {
    const encoded = this.view.pixels[SeriesInstanceUID]?.slice(first, first + count) ?? [];
    if (encoded.length < count) throw new TransportError("This file does not hold these images.");
    const frames = await Promise.all(encoded.map(inflate));
    signal?.throwIfAborted();
    const together = new Uint8Array(frames.reduce((sum, frame) => sum + frame.byteLength, 0));
    let at = 0;
    for (const frame of frames) {
      together.set(new Uint8Array(frame), at);
      at += frame.byteLength;
    }
    return together.buffer;
  }

  elements(): Promise<ElementText[]> {
    return Promise.reject(new TransportError("This file holds images, not their elements."));
  }

  // Measurements last as long as the page.

  list(): Promise<Measurement[]> {
    return Promise.resolve([]);
  }

  save(measurement: Measurement): Promise<Measurement> {
    return Promise.resolve(measurement);
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }
}

/** Show the view that the page holds, where it holds one. */
export function mountExported(): void {
  const data = document.getElementById("noctis-exported");
  const element = document.getElementById("view");
  if (data === null || element === null) return;
  const view = JSON.parse(data.textContent ?? "") as ExportedView;
  const transport = new PageTransport(view);
  const app = new ViewerApp(element, { transport, state: view.state, isArranged: true, mode: "cell", measurements: transport });
  Object.defineProperty(element, "noctis", { value: app, configurable: true });
  app.viewer.focus();
}
