/** The sign-in page: a start token, or a name and a password. */
import { TransportError, request } from "../ground/transport";

const problem = document.getElementById("problem");

function show(message: string): void {
  if (!problem) return;
  problem.textContent = message;
  problem.hidden = message === "";
}

/** Where to go afterwards: a path of ours only, never another host. */
function destination(): string {
  const next = new URLSearchParams(location.search).get("next") ?? "/";
  return /^\/(?![/\\])/.test(next) ? next : "/";
}

async function signIn(body: Record<string, string>, button: HTMLButtonElement): Promise<void> {
  show("");
  button.disabled = true;
  try {
    await request("/api/v1/session", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Noctis": "1" },
      body: JSON.stringify(body),
    });
    location.replace(destination());
  } catch (error) {
    show(error instanceof TransportError ? error.message.replace(/ \(HTTP \d+\)$/, "") : "Signing in failed.");
  } finally {
    button.disabled = false;
  }
}

function follow(id: string): void {
  const form = document.getElementById(id);
  if (!(form instanceof HTMLFormElement)) return;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields: Record<string, string> = {};
    for (const [name, value] of new FormData(form)) fields[name] = String(value).trim();
    const button = form.querySelector("button");
    if (button) void signIn(fields, button);
  });
}

function choose(way: "token" | "account"): void {
  for (const each of ["token", "account"]) {
    const part = document.getElementById(`by-${each}`);
    if (part) part.hidden = each !== way;
  }
  show("");
  document.getElementById(way === "token" ? "token" : "name")?.focus();
}

follow("token-form");
follow("account-form");
document.getElementById("to-account")?.addEventListener("click", () => choose("account"));
document.getElementById("to-token")?.addEventListener("click", () => choose("token"));
