/** One upload over HTTP: the file is the body, as it is; its name stays in the browser. */
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

/** Send one file. By XMLHttpRequest, since `fetch` does not tell how much of a body has gone. */
export function sendFile(file: Blob, facility: string, progress: (sent: number) => void, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) { reject(new DOMException("cancelled", "AbortError")); return; }
    const asking = new XMLHttpRequest();
    asking.open("POST", `${ADDRESS}?facility=${encodeURIComponent(facility)}`);
    asking.setRequestHeader("X-Noctis", "1");
    asking.setRequestHeader("Content-Type", "application/octet-stream");
    asking.upload.addEventListener("progress", (event) => progress(event.loaded));
    asking.addEventListener("load", () => {
      const failed = new TransportError("The server could not answer.", asking.status);
      try {
        const body = JSON.parse(asking.responseText) as Answer & { detail?: string };
        if (asking.status === 200) resolve(body);
        else reject(new TransportError(body.detail ?? failed.message, asking.status));
      } catch {
        reject(failed);
      }
    });
    asking.addEventListener("error", () => reject(new TransportError("The server does not answer, or the file cannot be read.")));
    asking.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    signal.addEventListener("abort", () => asking.abort(), { once: true });
    asking.send(file);
  });
}
