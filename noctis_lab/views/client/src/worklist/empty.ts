/** What stands in place of rows: an empty archive and how to fill it, or a search that finds nothing. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatBytes } from "../ground/numbers";
import type { Status } from "./api";
import { copyButton } from "./parts";

function line(code: string): HTMLElement {
  return el("div", { class: "cmd" }, el("code", {}, code), copyButton("Copy", () => code, { class: "ib s" }));
}

function card(name: Parameters<typeof icon>[0], title: string, text: string, ...lines: HTMLElement[]): HTMLElement {
  return el("section", { class: "way" }, el("h2", { class: "row g2 m" }, icon(name), title), el("p", { class: "t2" }, text), ...lines);
}

function fact(kind: "pass" | "warn" | "unknown", title: string, text: string): HTMLElement {
  return el("div", { class: "fact" }, el("span", { class: `mark ${kind}` }, icon(kind)), el("span", { class: "m" }, title), el("span", { class: "f12 t2" }, text));
}

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/** The first page of an archive that holds nothing. */
export function firstRunOf(status: Status, canAdmin: boolean): HTMLElement {
  const { receiver } = status;
  const isLocal = LOOPBACK.has(receiver.host);
  const [host = receiver.host, ...others] = receiver.reached_at;
  const settings: [string, string][] = [["AE title", receiver.aet], ["Host", host], ...others.map((each): [string, string] => ["or", each]), ["Port", String(receiver.port)]];
  return el("div", { class: "first" },
    el("div", { class: "ways" },
      el("h1", {}, "Your archive is ready and empty"),
      el("p", { class: "f14 t2" }, "Three ways to fill it. What comes in is stored exactly as it came and never altered."),
      el("section", { class: "connect" },
        el("h2", { class: "row g2 f16 b" }, icon("arriving"), "Connect a modality"),
        el("p", { class: "t2" }, isLocal
          ? "Programs on this machine can send at once. For scanners on the network, start with --dicom-host 0.0.0.0; each new sender then waits here for approval."
          : "Enter this as a storage destination. An unknown sender is refused at first and waits here for approval."),
        el("dl", { class: "settings" }, ...settings.map(([name, value]) => el("div", {},
          el("dt", { class: "f12 t3" }, name), el("dd", { class: "row g1" }, el("code", { class: "f16" }, value), copyButton(`Copy ${name}`, () => value, { class: "ib s" }))))),
        line(`storescu -aec ${receiver.aet} ${host} ${receiver.port} *.dcm`)),
      el("div", { class: "more" },
        card("folder", "Send a folder", "Files that are on a disk already, pushed like a modality does.", line(`noctis send ${host} ${receiver.port} /data/trial`)),
        card("play", "Look around first", "A synthetic CatPhan CT, pushed over the loopback. Nothing to download.", line("noctis demo")))),
    el("aside", { class: "panel health" },
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "This installation")),
      receiver.listening
        ? fact("pass", "Receiver listening", `${receiver.aet} on port ${receiver.port}${isLocal ? ", this machine only" : ""}`)
        : fact("warn", "Receiver is not listening", "noctis serve starts it; noctis receive runs it alone."),
      fact("pass", "Storage", `${formatBytes(status.free_bytes)} free`),
      fact("pass", "Catalogue", "ready, empty"),
      isLocal ? fact("warn", "Reachable from this machine only", "Modalities on the network cannot connect yet: see on the left.") : null,
      canAdmin ? null : fact("unknown", "Your role", "An administrator approves senders."),
      el("div", { class: "hr" }),
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "In a notebook")),
      el("pre", { class: "code block" },
        el("span", { class: "kw" }, "import"), " noctis_lab ", el("span", { class: "kw" }, "as"), " nl\nlab = nl.open_lab()\nlab.series(Modality=", el("span", { class: "st" }, '"CT"'), ")")));
}

/** A search that finds nothing, or an answer that failed. */
export function noticeOf(title: string, text: string, action: string, act: () => void): HTMLElement {
  return el("div", { class: "notice" }, el("h2", { class: "f16 b" }, title), el("p", { class: "t2" }, text),
    el("button", { type: "button", class: "btn", click: act }, action));
}
