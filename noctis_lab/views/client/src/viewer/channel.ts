/** The transport of a notebook: questions and answers over the component's own messages. */
import { type ElementText, type StackDescription, type Transport, TransportError } from "../ground/transport";
import type { OverlayDescription, OverlaySource } from "../overlay/source";
import type { Measurement } from "../measure/shapes";
import type { MeasurementSource } from "../measure/store";
import type { PresetSource, SavedPreset } from "./ownPresets";
import type { KeptSurface, SegmentChoice, SurfaceSource, Wanted } from "../volume3d/surfaces";

/** Panel's model as a component sees it. */
export interface ComponentModel {
  send_msg(data: unknown): void;
  /** "msg:custom" gives a message as it was sent; the name of a parameter, that it changed. */
  on(event: string | string[], callback: (event: never) => void): void;
  off(event: string | string[], callback: (event: never) => void): void;
}

type Question = { what: "measurements" } | { what: "save-measurement"; measurement: Measurement } | { what: "delete-measurement"; MeasurementUID: string }
  | { what: "surfaces" | "surface-segments" } | { what: "make-surface"; surface: Wanted }
  | { what: "surface" | "remove-surface" | "surface-mesh" | "surface-stl"; key: string }
  | { what: "window-presets" } | { what: "save-window-preset"; preset: Omit<SavedPreset, "item_id"> } | { what: "delete-window-preset"; item_id: string }
  | { what: "stack" } | { what: "pixels"; first: number; count: number; revision: string | null }
  | { what: "preview"; first: number; count: 1; revision: string | null } | { what: "elements"; SOPInstanceUID: string }
  | { what: "overlays" } | { what: "labels"; overlay: string; first: number; count: number; revision: string };

interface Answer {
  kind: "answer";
  id: string;
  body?: unknown;
  error?: string;
  /** What HTTP would say of the error, where the client acts on it. */
  status?: number | null;
}

interface Pending {
  resolve(body: unknown): void;
  reject(error: Error): void;
  detach(): void;
}

let viewCount = 0;

export class ChannelTransport implements Transport, MeasurementSource, PresetSource, OverlaySource, SurfaceSource {
  readonly #pending = new Map<string, Pending>();
  // Several views of one object hear each other's answers: an id says whose it is.
  readonly #prefix = `${Date.now().toString(36)}-${(viewCount += 1)}-`;
  #count = 0;

  constructor(readonly model: ComponentModel) {
    model.on("msg:custom", this.#hear as (event: never) => void);
  }

  stack(SeriesInstanceUID: string, signal?: AbortSignal): Promise<StackDescription> {
    return this.#ask(SeriesInstanceUID, { what: "stack" }, signal) as Promise<StackDescription>;
  }

  async pixels(stack: StackDescription, first: number, count: number, signal?: AbortSignal): Promise<ArrayBuffer> {
    const question: Question = { what: "pixels", first, count, revision: stack.revision ?? null };
    return toArrayBuffer(await this.#ask(stack.SeriesInstanceUID, question, signal));
  }

  async preview(stack: StackDescription, index: number, signal?: AbortSignal): Promise<ArrayBuffer> {
    const question: Question = { what: "preview", first: index, count: 1, revision: stack.revision ?? null };
    return toArrayBuffer(await this.#ask(stack.SeriesInstanceUID, question, signal));
  }

  elements(SOPInstanceUID: string, signal?: AbortSignal): Promise<ElementText[]> {
    return this.#ask("", { what: "elements", SOPInstanceUID }, signal) as Promise<ElementText[]>;
  }

  overlays(stack: StackDescription, signal?: AbortSignal): Promise<OverlayDescription[]> {
    return this.#ask(stack.SeriesInstanceUID, { what: "overlays" }, signal) as Promise<OverlayDescription[]>;
  }

  async labels(stack: StackDescription, { overlay, revision }: OverlayDescription, first: number, count: number, signal?: AbortSignal): Promise<ArrayBuffer> {
    return toArrayBuffer(await this.#ask(stack.SeriesInstanceUID, { what: "labels", overlay, first, count, revision }, signal));
  }

  list(_StudyInstanceUID: string, SeriesInstanceUID: string, signal?: AbortSignal): Promise<Measurement[]> {
    return this.#ask(SeriesInstanceUID, { what: "measurements" }, signal) as Promise<Measurement[]>;
  }

  save(measurement: Measurement): Promise<Measurement> {
    return this.#ask(measurement.SeriesInstanceUID, { what: "save-measurement", measurement }) as Promise<Measurement>;
  }

  async remove({ SeriesInstanceUID, MeasurementUID }: Measurement): Promise<void> {
    await this.#ask(SeriesInstanceUID, { what: "delete-measurement", MeasurementUID });
  }

  listPresets(): Promise<SavedPreset[]> {
    return this.#ask("", { what: "window-presets" }) as Promise<SavedPreset[]>;
  }

  savePreset(preset: Omit<SavedPreset, "item_id">): Promise<SavedPreset> {
    return this.#ask("", { what: "save-window-preset", preset }) as Promise<SavedPreset>;
  }

  async removePreset(item_id: string): Promise<void> {
    await this.#ask("", { what: "delete-window-preset", item_id });
  }

  surfaces(_study: string, series: string): Promise<KeptSurface[]> {
    return this.#ask(series, { what: "surfaces" }) as Promise<KeptSurface[]>;
  }

  makeSurface(_study: string, series: string, surface: Wanted): Promise<KeptSurface> {
    return this.#ask(series, { what: "make-surface", surface }) as Promise<KeptSurface>;
  }

  surface(_study: string, series: string, key: string): Promise<KeptSurface> {
    return this.#ask(series, { what: "surface", key }) as Promise<KeptSurface>;
  }

  async removeSurface(_study: string, series: string, key: string): Promise<void> {
    await this.#ask(series, { what: "remove-surface", key });
  }

  async surfaceMesh(_study: string, series: string, key: string): Promise<ArrayBuffer> {
    return toArrayBuffer(await this.#ask(series, { what: "surface-mesh", key }));
  }

  async surfaceStl(_study: string, series: string, key: string): Promise<ArrayBuffer> {
    return toArrayBuffer(await this.#ask(series, { what: "surface-stl", key }));
  }

  segments(_study: string, series: string): Promise<SegmentChoice[]> {
    return this.#ask(series, { what: "surface-segments" }) as Promise<SegmentChoice[]>;
  }

  /** Give up what is pending and hear no more. */
  close(): void {
    this.model.off("msg:custom", this.#hear as (event: never) => void);
    for (const pending of this.#pending.values()) {
      pending.detach();
      pending.reject(new DOMException("the view is closed", "AbortError"));
    }
    this.#pending.clear();
  }

  #ask(SeriesInstanceUID: string, question: Question, signal?: AbortSignal): Promise<unknown> {
    const id = `${this.#prefix}${(this.#count += 1)}`;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new DOMException("cancelled", "AbortError"));
        return;
      }
      const cancel = (): void => {
        this.#pending.delete(id);
        this.model.send_msg({ kind: "cancel", id });
        reject(new DOMException("cancelled", "AbortError"));
      };
      signal?.addEventListener("abort", cancel, { once: true });
      this.#pending.set(id, { resolve, reject, detach: () => signal?.removeEventListener("abort", cancel) });
      this.model.send_msg({ kind: "ask", id, SeriesInstanceUID, ...question });
    });
  }

  readonly #hear = (answer: Answer | null | undefined): void => {
    if (answer?.kind !== "answer") return;
    const pending = this.#pending.get(answer.id);
    if (pending === undefined) return;
    this.#pending.delete(answer.id);
    pending.detach();
    if (answer.error === undefined || answer.error === null) pending.resolve(answer.body);
    else pending.reject(new TransportError(answer.error, answer.status ?? null));
  };
}

/** Panel gives bytes as an ArrayBuffer; some front ends wrap it. */
function toArrayBuffer(body: unknown): ArrayBuffer {
  if (body instanceof ArrayBuffer) return body;
  if (ArrayBuffer.isView(body)) {
    return body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength) as ArrayBuffer;
  }
  throw new TransportError("The kernel answered without pixels.");
}
