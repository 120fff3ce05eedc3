/** One upload over HTTP: a file as it is, or a bundle of small ones; their names stay in the browser. */
import { request, TransportError } from "../ground/transport";

export interface Terms {
  facilities: string[];
  may_add_facility: boolean;
  most_bytes: number;
  at_once: number;
}

export type Outcome = "stored" | "same" | "conflict" | "rejected";

export interface Answered {
  outcome: Outcome;
  name: string;
  reason: string | null;
  is_quarantined: boolean;
}

/** What became of one body; of a zip, counts and the first files that were not taken. */
export interface Answer {
  is_zip: boolean;
  is_stopped: boolean;
  stored: number;
  same: number;
  conflicts: number;
  rejected: number;
  items: Answered[];
}

const ADDRESS = "/api/v1/dicom/upload";

export async function readTerms(): Promise<Terms> {
  return (await (await request(ADDRESS)).json()) as Terms;
}

/** How far the archive is with a zip: of the files that it has found, those that it is done with. */
export interface Taken {
  done: number;
  found: number;
}

export interface Progress {
  sent(bytes: number): void;
  taken(taken: Taken): void;
}

export interface Sending {
  facility: string;
  progress: Progress;
  signal: AbortSignal;
  /** Of separate files: the archive answers for each. */
  isBundle: boolean;
}

const ASK_MS = 500;

/** A word of our own for an upload. Not `randomUUID`, which a page without TLS does not have. */
const newId = (): string => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Ask again and again how far the archive is; returns how to end it. What fails is asked anew. */
function askProgress(id: string, taken: (taken: Taken) => void): () => void {
  const ending = new AbortController();
  let timer: ReturnType<typeof setTimeout>;
  const ask = async (): Promise<void> => {
    try {
      const answer = await request(`${ADDRESS}/progress?upload_id=${id}`, { signal: ending.signal });
      const said = (await answer.json()) as Taken;
      if (said.found > 0 && !ending.signal.aborted) taken(said);
    } catch {
      // the upload's own answer says what is wrong
    }
    if (!ending.signal.aborted) timer = setTimeout(() => void ask(), ASK_MS);
  };
  timer = setTimeout(() => void ask(), ASK_MS);
  return () => { clearTimeout(timer); ending.abort(); };
}

/** Send one body. By XMLHttpRequest, since `fetch` does not tell how much of a body has gone. */
export function sendBody(body: Blob, { facility, progress, signal, isBundle }: Sending): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) { reject(new DOMException("cancelled", "AbortError")); return; }
    const id = newId();
    let end = (): void => undefined;
    const asking = new XMLHttpRequest();
    asking.open("POST", `${ADDRESS}?facility=${encodeURIComponent(facility)}&upload_id=${id}&is_bundle=${isBundle}`);
    asking.setRequestHeader("X-Noctis", "1");
    asking.setRequestHeader("Content-Type", "application/octet-stream");
    asking.upload.addEventListener("progress", (event) => progress.sent(event.loaded));
    asking.upload.addEventListener("load", () => { end = askProgress(id, (taken) => progress.taken(taken)); });
    asking.addEventListener("loadend", () => end());
    asking.addEventListener("load", () => {
      const failed = new TransportError("The server could not answer.", asking.status);
      try {
        const answer = JSON.parse(asking.responseText) as Answer & { detail?: string };
        if (asking.status === 200) resolve(answer);
        else reject(new TransportError(answer.detail ?? failed.message, asking.status));
      } catch {
        reject(failed);
      }
    });
    asking.addEventListener("error", () => reject(new TransportError("The server does not answer, or the file cannot be read.")));
    asking.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    signal.addEventListener("abort", () => asking.abort(), { once: true });
    asking.send(body);
  });
}
