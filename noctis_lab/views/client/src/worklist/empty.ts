/** What stands in place of rows: an empty archive and how to fill it, or a search that finds nothing. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatBytes } from "../ground/numbers";
import { type Choosing, dropZoneOf } from "../upload/drop";
import type { Finding, FindingState, Source, Status } from "./api";
import { NOTHING_YET } from "./arrivals";
import { demoCard } from "./demo";
import { cardOf, copyButton, lineOf } from "./parts";
import { rootOptionOf } from "./query";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

export interface FirstRun {
  source: Source;
  status: Status;
  /** What the doctor finds; null where it may not be asked. */
  findings: Finding[] | null;
  isAdmin: boolean;
  /** Takes files; null where this principal, or this place, takes none. */
  upload: Choosing | null;
  /** The admin's corner, which has no other place here. */
  corner: HTMLElement | null;
  /** Whether the archive's own server is there to load the demo. */
  isServed: boolean;
}

function fact(kind: FindingState, title: string, text: string, remedy: string | null = null): HTMLElement {
  return el("div", { class: "fact" }, el("span", { class: `mark ${kind}`, role: "img", "aria-label": STATE_WORDS[kind] }, icon(kind)), el("span", { class: "m" }, title),
    el("span", { class: "f12 t2" }, text, remedy && kind !== "pass" ? el("span", { class: "remedy" }, remedy) : null));
}

const STATE_WORDS: Record<FindingState, string> = { pass: "fine", warn: "warning", fail: "fault", unknown: "not known" };
const NEWCOMERS = new Set(["receiver", "folders", "free space", "database", "decoders"]);
const WORST: FindingState[] = ["fail", "warn", "unknown", "pass"];

/** Facts of the installation: the doctor's, faults first; else what the status tells. */
export function factsOf(status: Status, findings: Finding[] | null, isAdmin: boolean): HTMLElement[] {
  if (findings !== null) {
    const sorted = [...findings].sort((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state));
    const factOf = (each: Finding): HTMLElement =>
      fact(each.state in STATE_WORDS ? each.state : "unknown", each.name.charAt(0).toUpperCase() + each.name.slice(1), each.text, each.remedy);
    // Passes whisper: those that a newcomer asks for stand open, the others behind one line.
    const isOpen = (each: Finding): boolean => each.state !== "pass" || NEWCOMERS.has(each.name);
    const fine = sorted.filter((each) => !isOpen(each));
    return [...sorted.filter(isOpen).map(factOf), ...(fine.length === 0 ? [] : [
      el("details", { class: "fine" }, el("summary", { class: "row g2 f12 t2" }, el("span", { class: "mark pass" }, icon("pass")), `${fine.length} more are fine`, el("span", { class: "grow" }), el("span", { class: "chev t3" }, icon("right", "s"))),
        ...fine.map(factOf))])];
  }
  const { receiver } = status;
  const isLocal = LOOPBACK.has(receiver.host);
  return [
    receiver.listening
      ? fact("pass", "Receiver listening", `${receiver.aet} on port ${receiver.port}${isLocal ? ", this machine only" : ""}`)
      : fact("warn", "Receiver is not listening", "noctis serve starts it; noctis receive runs it alone."),
    fact("pass", "Storage", `${formatBytes(status.free_bytes)} free`),
    fact("pass", "Catalogue", "ready, empty"),
    ...(isLocal ? [fact("warn", "Reachable from this machine only", "Modalities on the network cannot connect yet. Start with --dicom-host 0.0.0.0 and approve senders.")] : []),
    ...(isAdmin ? [] : [fact("unknown", "Your role", "An administrator approves senders.")]),
  ];
}

function indexCard({ root }: Status): HTMLElement {
  return cardOf("tree", "Index a folder", "Leave files where they are and search them in place.", lineOf(`noctis index /data/trial --in-place${rootOptionOf(root)}`));
}

function modalityCard(status: Status): HTMLElement {
  const { receiver } = status;
  const [host = receiver.host, ...others] = receiver.reached_at;
  const isLocal = LOOPBACK.has(receiver.host);
  const settings: [string, string][] = [["AE title", receiver.aet], ["Host", host], ["Port", String(receiver.port)]];
  return cardOf("antenna", "Connect a modality",
    isLocal ? "Programs on this machine can send at once; for others start with --dicom-host 0.0.0.0." : `Unknown senders wait here for your approval.${others.length > 0 ? ` Also reached as ${others.join(", ")}.` : ""}`,
    el("dl", { class: "settings" }, ...settings.map(([name, value]) => el("div", {},
      el("dt", { class: "f11 t3" }, name), el("dd", { class: "row" }, el("code", {}, value), copyButton(`Copy ${name}`, () => value, { class: "ib s" }))))),
    lineOf(`echoscu -aec ${receiver.aet} ${host} ${receiver.port}`));
}

function notebookCode({ root }: Status): HTMLElement {
  const word = (text: string): HTMLElement => el("span", { class: "kw" }, text);
  const literal = (text: string): HTMLElement => el("span", { class: "st" }, text);
  return el("pre", { class: "code block" }, word("import"), " noctis_lab ", word("as"), " nl\nlab = nl.open_lab(", root === null ? "" : literal(JSON.stringify(root)), ")\nlab.index(", literal('"/data/trial"'), ")\nlab.series(Modality=", literal('"CT"'), ")");
}

/** The first page of an archive that holds nothing. */
export function firstRunOf(run: FirstRun): HTMLElement {
  const { source, status, isAdmin, upload } = run;
  const facts = el("div", { class: "facts" }, ...factsOf(status, run.findings, isAdmin));
  const again = el("button", { type: "button", class: "btn s q" }, icon("refresh", "s"), "Check again");
  again.addEventListener("click", () => {
    again.disabled = true;
    void lookAgain(source, isAdmin).then((fresh) => facts.replaceChildren(...fresh), () => undefined).finally(() => { again.disabled = false; });
  });
  const count = upload ? "Four" : "Three";
  return el("div", { class: "first" },
    el("div", { class: "ways" },
      el("h1", {}, "Your archive is ready and empty"),
      el("p", { class: "f14 t2" }, `${count} ways to fill it. Files are stored exactly as they come and never altered.`),
      upload ? dropZoneOf(upload) : null,
      el("div", { class: "more" }, indexCard(status), modalityCard(status), demoCard(source, isAdmin && run.isServed))),
    el("aside", { class: "panel health", "aria-label": "This installation" },
      ...(run.corner ? [arrivalsOf(run.corner), el("div", { class: "hr" })] : []),
      el("div", { class: "ph" }, el("span", { class: "ttl f14" }, "This installation"), el("span", { class: "grow" }), again),
      facts,
      el("div", { class: "hr" }),
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "In a notebook")),
      notebookCode(status)));
}

/** The admin's corner under the name that it has beside a list of studies. */
function arrivalsOf(corner: HTMLElement): HTMLElement {
  return el("section", { "aria-label": "Arrivals" },
    el("div", { class: "ph" }, el("span", { class: "ttl f14" }, "Arrivals")), corner, el("p", { class: "f12 t3 none" }, NOTHING_YET));
}

async function lookAgain(source: Source, isAdmin: boolean): Promise<HTMLElement[]> {
  const [status, findings] = await Promise.all([source.status(), findingsOf(source, isAdmin)]);
  return factsOf(status, findings, isAdmin);
}

/** What the doctor finds, null where this principal may not ask or nobody answers. */
export async function findingsOf(source: Source, isAdmin: boolean): Promise<Finding[] | null> {
  if (!isAdmin) return null;
  try {
    return await source.health();
  } catch {
    return null;
  }
}

/** A search that finds nothing, or an answer that failed. */
export function noticeOf(title: string, text: string, action: string, act: () => void): HTMLElement {
  return el("div", { class: "notice" }, el("h2", { class: "f16 b" }, title), el("p", { class: "t2" }, text),
    el("button", { type: "button", class: "btn", click: act }, action));
}

