/** The column at the right: who asks to send, what arrives now, what arrived last. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import type { Happening, Senders, Source, Study, UnknownSender } from "./api";
import { thumbnailOf } from "./parts";
import { formatArrival, formatCount } from "./words";

const SHOWN = 14;
const RATE_OVER_MS = 3000;

export interface ArrivalsOptions {
  isAdmin: boolean;
  open(studyUID: string): void;
  paused(isPaused: boolean): void;
}

export class Arrivals {
  readonly element: HTMLElement;
  private readonly rate = el("span", { class: "f12 t2", "aria-live": "off" });
  private readonly asking = el("div", { class: "asking" });
  private readonly list = el("div", { class: "evs" });
  private readonly pauseButton = el("button", { type: "button", class: "ib s", "aria-label": "Pause", title: "Pause" }, icon("pause"));
  private stored: [number, number][] = [];
  private facilities: string[] = [];
  private shown = "";
  private isPaused = false;

  constructor(private readonly source: Source, private readonly options: ArrivalsOptions) {
    this.element = el("aside", { class: "panel feed", "aria-label": "Arrivals" },
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "Arrivals"), el("span", { class: "grow" }), this.rate, this.pauseButton),
      this.asking, this.list);
    this.pauseButton.addEventListener("click", () => this.pause());
    if (options.isAdmin) void this.loadSenders();
  }

  happened(what: Happening): void {
    if (what.kind === "instance-stored") this.stored.push([performance.now(), what.instance_count]);
    if (what.kind === "sender-refused" && this.options.isAdmin) void this.loadSenders();
  }

  /** Show the last studies, and how fast images come. */
  take(studies: Study[], now: Date, quiet_s: number): void {
    this.drawRate();
    if (this.isPaused) return;
    const rows = studies.slice(0, SHOWN);
    const text = JSON.stringify([rows, rows.map((study) => formatArrival(new Date(study.last_received_at), now))]);
    if (text === this.shown) return;
    this.shown = text;
    this.list.replaceChildren(...rows.map((study) => this.row(study, now, quiet_s)));
    if (rows.length === 0) this.list.append(el("p", { class: "f12 t3 none" }, "Nothing has arrived yet."));
  }

  drawRate(): void {
    const since = performance.now() - RATE_OVER_MS;
    this.stored = this.stored.filter(([at]) => at >= since);
    const count = this.stored.reduce((sum, [, each]) => sum + each, 0);
    const rate = count / (RATE_OVER_MS / 1000);
    this.rate.textContent = count === 0 ? "" : `${rate >= 10 ? Math.round(rate) : rate.toFixed(1)} images/s`;
  }

  private pause(): void {
    this.isPaused = !this.isPaused;
    const words = this.isPaused ? "Go on" : "Pause";
    this.pauseButton.replaceChildren(icon(this.isPaused ? "play" : "pause"));
    this.pauseButton.setAttribute("aria-label", words);
    this.pauseButton.title = words;
    this.pauseButton.classList.toggle("on", this.isPaused);
    this.shown = "";
    this.options.paused(this.isPaused);
  }

  private row(study: Study, now: Date, quiet_s: number): HTMLElement {
    const arrived = new Date(study.last_received_at);
    const isArriving = study.is_dirty && now.getTime() - arrived.getTime() < Math.max(quiet_s * 1000, 3000);
    const exception = study.badges.find((badge) => badge.kind === "warn" || badge.kind === "fail");
    const words = [formatCount(study.instance_count, "image"), exception?.text.toLowerCase()].filter(Boolean).join(" · ");
    return el("button", {
      type: "button", class: `ev ${isArriving ? "on" : ""}`, click: () => this.options.open(study.StudyInstanceUID),
    },
      thumbnailOf(this.source, study.StudyInstanceUID, study.thumbnail_series, 40),
      el("span", { class: "who" }, el("span", { class: "m ell" }, study.PatientName || "no name"), el("span", { class: "f12 t2 ell" }, words)),
      el("span", { class: `f12 when ${isArriving ? "live" : "t3"}` }, isArriving ? String(study.instance_count) : formatArrival(arrived, now)),
      isArriving ? el("span", { class: "bar moving" }, el("i")) : null);
  }

  private async loadSenders(): Promise<void> {
    try {
      this.showSenders(await this.source.senders());
    } catch {
      this.asking.replaceChildren();
    }
  }

  private showSenders(senders: Senders): void {
    this.facilities = senders.facilities;
    this.asking.replaceChildren(...senders.unknown.slice(0, 4).map((sender) => this.unknown(sender)));
    if (senders.unknown.length > 4) {
      this.asking.append(el("p", { class: "f12 t3 none" }, `${senders.unknown.length - 4} more: noctis sender list`));
    }
  }

  private unknown(sender: UnknownSender): HTMLElement {
    const problem = el("p", { class: "f12 bad", role: "alert", hidden: true });
    const act = async (doing: Promise<Senders>): Promise<void> => {
      problem.hidden = true;
      try {
        this.showSenders(await doing);
      } catch (error) {
        problem.textContent = error instanceof Error ? error.message : "It could not be done.";
        problem.hidden = false;
      }
    };
    const facility = el("input", { list: "facilities", required: true, maxlength: 64, placeholder: "Facility", "aria-label": "Facility", autocomplete: "off", spellcheck: "false", value: this.facilities.length === 1 ? this.facilities[0] : null });
    const choice = el("form", { class: "choice", hidden: true },
      el("span", { class: "input s" }, facility), el("button", { type: "submit", class: "btn s p" }, "Accept"));
    const buttons = el("div", { class: "row g2" },
      el("button", { type: "button", class: "btn s p", click: () => { buttons.hidden = true; choice.hidden = false; facility.focus(); } }, "Approve"),
      el("button", { type: "button", class: "btn s", click: () => { void act(this.source.block(sender.aet, sender.address)); } }, "Block"),
      el("span", { class: "grow" }), el("span", { class: "f12 t3" }, formatCount(sender.attempts, "attempt")));
    choice.addEventListener("submit", (event) => {
      event.preventDefault();
      void act(this.source.approve(sender.aet, sender.address, facility.value.trim()));
    });
    choice.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { choice.hidden = true; buttons.hidden = false; event.stopPropagation(); }
    });
    return el("div", { class: "unk" },
      el("div", { class: "row g2" }, el("span", { class: "warnink" }, icon("sender")), el("span", { class: "m" }, "Unknown sender"), el("span", { class: "grow" }),
        el("span", { class: "f12 t3" }, formatArrival(new Date(sender.last_at), new Date()))),
      el("p", { class: "f12 t2" }, el("span", { class: "t1 m" }, sender.aet), ` at ${sender.address} asked to store. Refused until a facility is chosen.`),
      el("datalist", { id: "facilities" }, ...this.facilities.map((name) => el("option", { value: name }))),
      buttons, choice, problem);
  }
}
