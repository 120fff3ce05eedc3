/** What happens in the archive while a page is open: its stream of events, asked for anew after a refusal. */
import { isSignedOut, request } from "./transport";

const BASE = "/api/v1/dicom";

/** How it stands with the stream. */
export type Connection = "live" | "away" | "signed-out";

/** After which a stream that was refused is asked for anew. */
const AGAIN_MS = 15_000;

/** Hear the events of these names, each as what its text states; the function returned ends it. The browser reconnects with the last event's number by itself. */
export function followHappenings(kinds: readonly string[], happened: (kind: string, said: unknown) => void, connected: (how: Connection) => void): () => void {
  let told: Connection | null = null;
  let isEnded = false;
  // Once each: the way to sign in stays where it is, and keeps the focus, while the stream is refused again and again.
  const tell = (how: Connection): void => {
    if (isEnded || how === told) return;
    told = how;
    connected(how);
  };
  const open = (): EventSource => {
    const opened = new EventSource(`${BASE}/notifications/stream`);
    opened.addEventListener("open", () => tell("live"));
    for (const kind of kinds) opened.addEventListener(kind, (event) => happened(kind, JSON.parse((event as MessageEvent<string>).data)));
    return opened;
  };
  let source = open();
  let again: ReturnType<typeof setTimeout> | undefined;
  const watch = (): void => {
    const watched = source;
    watched.addEventListener("error", () => {
      // What is no stream (a refusal, a proxy's page) ends it for good; all else it tries again by itself.
      const isRefused = watched.readyState === EventSource.CLOSED;
      if (!isRefused || told !== "signed-out") tell("away");
      if (!isRefused) return;
      request(`${BASE}/status`).then(() => false, isSignedOut).then((isOut) => {
        if (watched === source) tell(isOut ? "signed-out" : "away"); // an answer that comes later is of an earlier stream
      });
      again = setTimeout(() => {
        source = open();
        watch();
      }, AGAIN_MS);
    });
  };
  watch();
  return () => {
    isEnded = true;
    clearTimeout(again);
    source.close();
  };
}
