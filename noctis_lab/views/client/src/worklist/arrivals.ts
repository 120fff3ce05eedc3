/** The column at the right: what arrives now, what arrived last; the admin's corner stands above. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatPersonName } from "../ground/personName";
import type { Happening, Source, Study } from "./api";
import { thumbnailOf } from "./parts";
import { formatArrival, formatCount } from "./words";

export const NOTHING_YET = "Nothing has arrived yet.";
const SHOWN = 14;
const RATE_OVER_MS = 3000;

export interface ArrivalsOptions {
  open(studyUID: string): void;
  paused(isPaused: boolean): void;
}

export class Arrivals {
  readonly element: HTMLElement;
  private readonly rate = el("span", { class: "f12 t2", "aria-live": "off" });
  private readonly list = el("div", { class: "evs" });
  private readonly pauseButton = el("button", { type: "button", class: "ib s", "aria-label": "Pause", title: "Pause" }, icon("pause"));
  private stored: [number, number][] = [];
  private shown = "";
  private isPaused = false;

  constructor(private readonly source: Source, private readonly options: ArrivalsOptions) {
    this.element = el("aside", { class: "panel feed", "aria-label": "Arrivals" },
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "Arrivals"), el("span", { class: "grow" }), this.rate, this.pauseButton),
      this.list);
    this.pauseButton.addEventListener("click", () => this.pause());
  }

  happened(what: Happening): void {
    if (what.kind === "instance-stored") this.stored.push([performance.now(), what.instance_count]);
  }

  /** Let something stand between the column's head and its list, or below the list. */
  hold(element: HTMLElement, where: "above" | "below"): void {
    if (where === "above") this.list.before(element);
    else this.element.append(element);
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
    if (rows.length === 0) this.list.append(el("p", { class: "f12 t3 none" }, NOTHING_YET));
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
      el("span", { class: "who" }, el("span", { class: "m ell" }, formatPersonName(study.PatientName ?? "") || "no name"), el("span", { class: "f12 t2 ell" }, words)),
      el("span", { class: `f12 when ${isArriving ? "live" : "t3"}` }, isArriving ? String(study.instance_count) : formatArrival(arrived, now)),
      isArriving ? el("span", { class: "bar moving" }, el("i")) : null);
  }
}
