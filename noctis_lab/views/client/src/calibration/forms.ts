/** Forms over a page: to name an event, to set a baseline, to acknowledge an alarm, to analyse again. */
import { el } from "../ground/dom";
import type { Action, FormName, Offer } from "./told";

interface Field {
  name: string;
  label: string;
  kind: "choice" | "date" | "words" | "number";
  /** Of a choice: which of the page's lists. */
  list?: string;
  isNeeded: boolean;
  hint?: string;
}

interface FormFacts {
  title: string;
  send: string;
  text: string;
  fields: readonly Field[];
}

const FORMS: Record<FormName, FormFacts> = {
  event: {
    title: "Name an event", send: "Note the event", text: "It is drawn on every chart of this scanner. A service, a tube or detector change, a calibration, new software or a move begins a new baseline.",
    fields: [
      { name: "event_kind", label: "What happened", kind: "choice", list: "event_kinds", isNeeded: true },
      { name: "happened_on", label: "When, by the scanner's clock", kind: "date", isNeeded: true },
      { name: "note", label: "Note", kind: "words", isNeeded: false },
    ],
  },
  baseline: {
    title: "New baseline", send: "Set the baseline", text: "Scans from this day on are held against their own mean and spread, or against those that you give. Earlier baselines stay recorded.",
    fields: [
      { name: "quantity", label: "Of", kind: "choice", list: "quantities", isNeeded: true },
      { name: "valid_on", label: "From, by the scanner's clock", kind: "date", isNeeded: true },
      { name: "reason", label: "Why", kind: "words", isNeeded: true },
      { name: "center", label: "Centre", kind: "number", isNeeded: false, hint: "the scans' mean" },
      { name: "sigma", label: "Spread, 1σ", kind: "number", isNeeded: false, hint: "the scans' own" },
    ],
  },
  acknowledge: {
    title: "Acknowledge the alarm", send: "Acknowledge", text: "It leaves this list under your name; the chart keeps it.",
    fields: [{ name: "note", label: "What you found", kind: "words", isNeeded: true }],
  },
  analyse: {
    title: "Analyse again", send: "Analyse", text: "What you give here goes before what the images say, and is recorded as manual. The earlier analysis stays.",
    fields: [
      { name: "model", label: "Phantom", kind: "choice", list: "phantoms", isNeeded: false },
      { name: "middle", label: "Middle of the sensitometry module", kind: "choice", list: "middles", isNeeded: false },
      { name: "z_mm", label: "Or at z, mm", kind: "number", isNeeded: false, hint: "as the images say" },
      { name: "serial", label: "Serial number of the phantom", kind: "words", isNeeded: false },
      { name: "tolerances", label: "Tolerances", kind: "choice", list: "tolerances", isNeeded: false, hint: "none" },
      { name: "note", label: "Note", kind: "words", isNeeded: false },
    ],
  },
};

const LONGEST = 500;

/** Ask for what a form needs, with what `more` says beside its text; `send` resolves when it is done and rejects with why it is not. */
export function openForm(root: HTMLElement, action: Action, lists: Record<string, readonly Offer[]>, send: (said: Record<string, string>) => Promise<void>, more = ""): void {
  const { form: name } = action;
  if (name === undefined) return;
  const { title, send: doIt, text, fields } = FORMS[name];
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const submit = el("button", { type: "submit", class: "btn p" }, doIt);
  const form = el("form", { method: "dialog" }, el("h2", { class: "f16 b" }, title), el("p", { class: "t2" }, text), more ? el("p", {}, more) : null, ...fields.map((field) => inputOf(field, lists)),
    problem, el("div", { class: "row g2 ends" }, el("button", { type: "button", class: "btn q", click: () => dialog.close() }, "Cancel"), submit));
  const dialog = el("dialog", { class: "pop form", "aria-label": title }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const said = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== "").map(([key, value]) => [key, String(value)]));
    submit.disabled = true;
    problem.hidden = true;
    send({ ...action.about, ...said }).then(() => dialog.close(), (error: unknown) => {
      problem.textContent = error instanceof Error ? error.message : String(error);
      problem.hidden = false;
      submit.disabled = false;
    });
  });
  dialog.addEventListener("close", () => dialog.remove());
  root.append(dialog);
  dialog.showModal();
}

/** Return a day as this place's calendar has it, YYYY-MM-DD. Pure. */
export const dayOf = (at: Date): string =>
  [String(at.getFullYear()).padStart(4, "0"), ...[at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0"))].join("-");

function inputOf({ name, label, kind, list, isNeeded, hint }: Field, lists: Record<string, readonly Offer[]>): HTMLElement {
  const common = { name, required: isNeeded };
  const input = kind === "choice"
    ? el("select", common, isNeeded ? null : el("option", { value: "" }, hint ?? "as the images say"), ...(lists[list ?? ""] ?? []).map((offer) => {
      const [value, words] = typeof offer === "string" ? [offer, offer] : offer;
      return el("option", { value }, words);
    }))
    : el("input", { ...common, type: kind === "date" ? "date" : kind === "number" ? "number" : "text", step: kind === "number" ? "any" : null, maxlength: LONGEST, placeholder: hint ?? null, value: kind === "date" ? dayOf(new Date()) : null });
  return el("label", {}, el("span", { class: "f12 t2" }, label), el("span", { class: "input" }, input));
}

/** Return what the API takes for a form, and where; null where Python does it. Pure. */
export function postOf(form: FormName | undefined, said: Record<string, string>): { path: string; body: Record<string, string> } | null {
  const { alarm_id = "", happened_on, valid_on, ...rest } = said;
  // A day by the scanner's own clock: without a zone.
  const day = (name: string, at: string | undefined): Record<string, string> => (at ? { [name]: `${at}T00:00:00` } : {});
  switch (form) {
    case "event": return { path: "events", body: { scanner: rest["scanner"] ?? "", event_kind: rest["event_kind"] ?? "", note: rest["note"] ?? "", ...day("happened_at", happened_on) } };
    case "baseline": return { path: "baselines", body: { ...rest, ...day("valid_from", valid_on) } };
    case "acknowledge": return { path: `alarms/${encodeURIComponent(alarm_id)}/acknowledge`, body: { note: rest["note"] ?? "" } };
    default: return null;
  }
}
