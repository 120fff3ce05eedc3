/** The worklist's source without a server of ours: questions and answers over the component's messages. */
import { TransportError } from "../ground/transport";
import type { ComponentModel } from "../viewer/channel";
import type { Demo, Facets, Finding, Happening, KeptDetail, Quarantine, Query, SearchAnswer, Senders, Series, Source, Status } from "./api";

const POLL_MS = 1000;

interface Answer {
  kind: string;
  id: string;
  body?: unknown;
  error?: string | null;
}

interface Pending {
  resolve(body: never): void;
  reject(error: Error): void;
}

function bytesOf(body: unknown): BlobPart {
  if (body instanceof ArrayBuffer) return body;
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength);
  throw new TransportError("The picture came in no form that is known.");
}

function onlyServed(): Promise<never> {
  return Promise.reject(new TransportError("An archive is administered where it is served."));
}

export class ChannelSource implements Source {
  private readonly pending = new Map<string, Pending>();
  private readonly prefix = `${Date.now().toString(36)}-`;
  private count = 0;

  constructor(private readonly model: ComponentModel) {
    model.on("msg:custom", ((answer: Answer | null | undefined) => this.hear(answer)) as (event: never) => void);
  }

  search(query: Query, offset: number, limit: number, signal?: AbortSignal): Promise<SearchAnswer> {
    return this.ask("search", { ...query.filters, text: query.text, sort: query.sort, offset, limit }, signal);
  }

  facets(query: Query, signal?: AbortSignal): Promise<Facets> {
    return this.ask("facets", { ...query.filters, text: query.text }, signal);
  }

  series(StudyInstanceUID: string, signal?: AbortSignal): Promise<Series[]> {
    return this.ask("series", { StudyInstanceUID }, signal);
  }

  status(): Promise<Status> {
    return this.ask("status", {});
  }

  picture(image: HTMLImageElement, StudyInstanceUID: string, SeriesInstanceUID: string): void {
    this.ask<unknown>("thumbnail", { StudyInstanceUID, SeriesInstanceUID }).then(
      (body) => {
        const address = URL.createObjectURL(new Blob([bytesOf(body)], { type: "image/png" }));
        for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(address), { once: true });
        image.src = address;
      },
      () => image.dispatchEvent(new Event("error")),
    );
  }

  senders(): Promise<Senders> {
    return onlyServed();
  }

  approve(): Promise<Senders> {
    return this.senders();
  }

  block(): Promise<Senders> {
    return this.senders();
  }

  quarantine(): Promise<Quarantine> {
    return onlyServed();
  }

  kept(): Promise<KeptDetail> {
    return onlyServed();
  }

  settle(): Promise<Quarantine> {
    return onlyServed();
  }

  health(): Promise<Finding[]> {
    return onlyServed();
  }

  demo(): Promise<Demo> {
    return onlyServed();
  }

  loadDemo(): Promise<Demo> {
    return onlyServed();
  }

  follow(happened: (what: Happening) => void): () => void {
    let last: number | null = null;
    const poll = setInterval(() => {
      void this.ask<{ last: number; happened: Happening[] }>("events", { after: last }).then((answer) => {
        last = answer.last;
        answer.happened.forEach(happened);
      }, () => undefined);
    }, POLL_MS);
    return () => clearInterval(poll);
  }

  private ask<T>(what: string, question: Record<string, unknown>, signal?: AbortSignal): Promise<T> {
    const id = `${this.prefix}${(this.count += 1)}`;
    return new Promise<T>((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      signal?.addEventListener("abort", () => {
        if (!this.pending.delete(id)) return;
        this.model.send_msg({ kind: "cancel", id });
        reject(new DOMException("cancelled", "AbortError"));
      }, { once: true });
      this.model.send_msg({ kind: "ask", id, what, ...question });
    });
  }

  private hear(answer: Answer | null | undefined): void {
    const pending = answer?.kind === "answer" ? this.pending.get(answer.id) : undefined;
    if (!answer || !pending) return;
    this.pending.delete(answer.id);
    if (answer.error === undefined || answer.error === null) pending.resolve(answer.body as never);
    else pending.reject(new TransportError(answer.error));
  }
}
