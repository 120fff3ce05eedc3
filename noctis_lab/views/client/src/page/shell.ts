/** The bar at the top of every page: receiver, theme, account. */
import { el } from "../ground/dom";
import { isSignedOut, request, signInAddress } from "../ground/transport";

const RECEIVER_EVERY_MS = 15_000;

function toggleTheme(): void {
  const root = document.documentElement;
  const theme = root.dataset["theme"] === "light" ? "dark" : "light";
  root.dataset["theme"] = theme;
  try {
    localStorage.setItem("noctis-theme", theme);
  } catch {
    // it holds for this page only
  }
}

async function signOut(): Promise<void> {
  await request("/api/v1/session", { method: "DELETE", headers: { "X-Noctis": "1" } });
  location.assign("/login");
}

interface Status {
  receiver: { aet: string; port: number; listening: boolean };
}

async function showReceiver(mark: HTMLElement): Promise<void> {
  let state = "unreachable";
  try {
    const status = (await (await request("/api/v1/dicom/status")).json()) as Status;
    state = status.receiver.listening ? "listening" : "stopped";
  } catch (error) {
    state = isSignedOut(error) ? "signed-out" : "unreachable";
  }
  if (mark.dataset["state"] === state) return; // the way to sign in keeps the focus
  const words = { listening: "Receiving on", stopped: "Not receiving", unreachable: "Server is away" }[state]
    ?? el("a", { href: signInAddress() }, "Signed out: sign in");
  mark.dataset["state"] = state;
  mark.querySelector(".dot")?.setAttribute("class", `dot ${state === "listening" ? "" : "fail"}`);
  mark.querySelector(".rxl")?.replaceChildren(words);
}

function followReceiver(): void {
  const mark = document.getElementById("receiver");
  if (!mark) return;
  // Nothing crosses the wire in mid-drag.
  let isPressed = false;
  const note = (event: PointerEvent): void => { isPressed = event.buttons !== 0; };
  for (const kind of ["pointerdown", "pointerup", "pointercancel"] as const) {
    addEventListener(kind, note, { capture: true, passive: true });
  }
  const look = (): void => {
    if (!document.hidden && !isPressed) void showReceiver(mark);
  };
  look();
  setInterval(look, RECEIVER_EVERY_MS);
  document.addEventListener("visibilitychange", look);
}

document.getElementById("theme")?.addEventListener("click", toggleTheme);
document.getElementById("help")?.addEventListener("click", () => {
  // Each page's component has its own sheet of keys, behind the same key.
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }));
});
document.getElementById("sign-out")?.addEventListener("click", () => {
  signOut().catch((error: unknown) => {
    document.getElementById("account")?.append(
      el("p", { class: "problem", role: "alert" }, error instanceof Error ? error.message : "Signing out failed."),
    );
  });
});
followReceiver();
