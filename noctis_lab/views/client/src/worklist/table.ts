/** The table of studies: any number of rows, of which only a window is fetched and drawn. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatPersonName } from "../ground/personName";
import { formatDate, formatNumber } from "../ground/numbers";
import type { Series, Source, Study } from "./api";
import { modalityTag, tellingBadgeOf } from "./parts";
import { UNFOLDED_PX, unfoldedOf } from "./unfolded";
import { formatArrival } from "./words";

const ROW_PX = 36;
export const WINDOW_ROWS = 100;
/** Browsers stop laying out boxes higher than about 16 million pixels. */
const MOST_ROWS = 400_000;
const MARGIN_ROWS = 8;

interface Column {
  head: string;
  sort: string | null;
  className: string;
}

const COLUMNS: Column[] = [
  { head: "Patient", sort: "PatientName", className: "" },
  { head: "ID", sort: "PatientID", className: "hide" },
  { head: "Study date", sort: "StudyDate", className: "" },
  { head: "Description", sort: "StudyDescription", className: "" },
  { head: "Modality", sort: "modalities", className: "" },
  { head: "Series", sort: "series_count", className: "right" },
  { head: "Images", sort: "instance_count", className: "right" },
  { head: "Facility", sort: null, className: "hide" },
  { head: "Arrived", sort: "last_received_at", className: "" },
  { head: "Checks", sort: null, className: "" },
];

export interface TableEvents {
  sort(column: string): void;
  /** Which windows in view are missing, at every drawing. */
  need(missing: number[]): void;
  open(studyUID: string, seriesUID: string | null): void;
  unfold(studyUID: string): Promise<Series[]>;
  /** The archive's folder, where code has to name it. */
  root(): string | null;
}

interface Unfolded {
  uid: string;
  series: Series[] | Error | null;
  selected: number;
}

export class Table {
  readonly element: HTMLElement;
  private readonly head = el("div", { class: "tr hd", role: "row" });
  private readonly body = el("div", { class: "body", role: "rowgroup" });
  private readonly scroller = el("div", { class: "tb", role: "grid", tabindex: "0", "aria-label": "Studies" });
  private readonly rows = new Map<number, HTMLElement>();
  private windows = new Map<number, Study[]>();
  private total = 0;
  private cursor = -1;
  private cursorUID: string | null = null;
  private unfolded: Unfolded | null = null;
  private fresh = new Set<string>();
  private quiet_ms = 10_000;
  private skew_ms = 0;
  private frame = 0;

  constructor(private readonly source: Source, private readonly events: TableEvents) {
    this.element = el("div", { class: "grid" }, this.head, this.scroller);
    this.scroller.append(this.body);
    this.scroller.addEventListener("scroll", () => this.draw());
    this.scroller.addEventListener("keydown", (event) => this.onKey(event));
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    this.drawHead("");
  }

  /** Show a new answer from its beginning. */
  reset(sort: string): void {
    this.windows.clear();
    this.total = 0;
    this.cursor = -1;
    this.cursorUID = null;
    this.unfolded = null;
    this.scroller.scrollTop = 0;
    this.clearRows();
    this.drawHead(sort);
  }

  /** Take a window of the answer; `now` is the server's clock. */
  take(window: number, studies: Study[], total: number, now: Date, quiet_s: number, isLive: boolean): void {
    const known = new Set([...this.windows.values()].flat().map((study) => study.StudyInstanceUID));
    if (isLive) for (const { StudyInstanceUID } of studies) if (!known.has(StudyInstanceUID)) this.fresh.add(StudyInstanceUID);
    this.total = total;
    this.windows.set(window, studies);
    this.quiet_ms = quiet_s * 1000;
    this.skew_ms = now.getTime() - Date.now();
    const at = this.cursorUID === null ? -1 : studies.findIndex((study) => study.StudyInstanceUID === this.cursorUID);
    if (at >= 0) this.cursor = window * WINDOW_ROWS + at;
    this.clearRows();
    this.draw();
  }

  /** Forget windows that are not on the screen: what is there may have changed. */
  forgetHidden(): void {
    const shown = new Set(this.visibleWindows());
    for (const window of this.windows.keys()) if (!shown.has(window)) this.windows.delete(window);
  }

  visibleWindows(): number[] {
    const [first, end] = this.visible();
    const windows: number[] = [];
    for (let w = Math.floor(first / WINDOW_ROWS); w * WINDOW_ROWS < Math.max(end, 1); w += 1) windows.push(w);
    return windows;
  }

  /** Give the table the keyboard; the first row is chosen where none is. */
  focus(): void {
    this.scroller.focus({ preventScroll: true });
    if (this.cursor < 0 && this.total > 0) this.setCursor(0);
  }

  /** Draw the series strip of a study anew, where it is unfolded. */
  async refreshSeries(uid: string): Promise<void> {
    if (this.unfolded?.uid === uid) await this.loadSeries(this.unfolded);
  }

  /** What changes by time alone: "arriving" ends, "now" becomes a time. */
  tick(): void {
    this.clearRows();
    this.draw();
  }

  get studyCount(): number {
    return this.total;
  }

  private get now(): Date {
    return new Date(Date.now() + this.skew_ms);
  }

  private studyAt(index: number): Study | undefined {
    return this.windows.get(Math.floor(index / WINDOW_ROWS))?.[index % WINDOW_ROWS];
  }

  private get rowCount(): number {
    return Math.min(this.total, MOST_ROWS);
  }

  private get unfoldedIndex(): number {
    if (!this.unfolded) return -1;
    const uid = this.unfolded.uid;
    for (const [window, studies] of this.windows) {
      const at = studies.findIndex((study) => study.StudyInstanceUID === uid);
      if (at >= 0) return window * WINDOW_ROWS + at;
    }
    return -1;
  }

  private topOf(index: number): number {
    const unfolded = this.unfoldedIndex;
    return index * ROW_PX + (unfolded >= 0 && index > unfolded ? UNFOLDED_PX : 0);
  }

  private visible(): [number, number] {
    const top = this.scroller.scrollTop;
    const height = this.scroller.clientHeight || 800;
    const first = Math.max(0, Math.floor((top - UNFOLDED_PX) / ROW_PX) - MARGIN_ROWS);
    const end = Math.min(this.rowCount, Math.ceil((top + height) / ROW_PX) + MARGIN_ROWS);
    return [first, end];
  }

  private clearRows(): void {
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
  }

  private draw(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.drawNow();
    });
  }

  private drawNow(): void {
    const [first, end] = this.visible();
    const unfolded = this.unfoldedIndex;
    this.body.style.height = `${this.rowCount * ROW_PX + (unfolded >= 0 ? UNFOLDED_PX : 0)}px`;
    this.scroller.setAttribute("aria-rowcount", String(this.total + 1));
    for (const [index, row] of this.rows) {
      if (index < first || index >= end) {
        row.remove();
        this.rows.delete(index);
      }
    }
    for (let index = first; index < end; index += 1) {
      if (!this.rows.has(index)) {
        const row = this.rowAt(index);
        this.rows.set(index, row);
        this.body.append(row);
      }
    }
    this.events.need(this.total === 0 ? [] : this.visibleWindows().filter((window) => !this.windows.has(window)));
  }

  private redraw(...indexes: number[]): void {
    for (const index of indexes) {
      this.rows.get(index)?.remove();
      this.rows.delete(index);
    }
    this.draw();
  }

  private drawHead(sort: string): void {
    const cells = COLUMNS.map(({ head, sort: column, className }) => {
      const isUp = sort === column;
      const isDown = sort === `-${column}`;
      const cell = el("span", {
        role: "columnheader", class: className, "aria-sort": column && (isUp || isDown) ? (isUp ? "ascending" : "descending") : null,
      });
      if (column === null) cell.append(head);
      else {
        cell.append(el("button", { type: "button", class: "sort", click: () => this.events.sort(column) },
          head, isUp ? icon("arrow-up", "xs") : null, isDown ? icon("arrow-down", "xs") : null));
      }
      return cell;
    });
    this.head.replaceChildren(el("span", { role: "columnheader", "aria-label": "Unfold" }), ...cells);
  }

  private rowAt(index: number): HTMLElement {
    const study = this.studyAt(index);
    const top = this.topOf(index);
    const holder = el("div", { class: "slot" });
    holder.style.transform = `translateY(${top}px)`;
    if (!study) {
      holder.append(el("div", { class: "tr", role: "row", "aria-busy": "true" }, el("span"), el("span", {}, el("i", { class: "skeleton" })), el("span", { class: "hide" }), el("span", {}, el("i", { class: "skeleton" }))));
      return holder;
    }
    const isUnfolded = this.unfolded?.uid === study.StudyInstanceUID;
    holder.append(this.studyRow(study, index, isUnfolded));
    if (isUnfolded && this.unfolded) {
      const { uid } = this.unfolded;
      holder.append(unfoldedOf(this.source, this.unfolded.series, this.unfolded.selected, {
        open: (seriesUID) => this.events.open(uid, seriesUID),
        select: (at) => this.selectSeries(at),
        root: () => this.events.root(),
      }));
    }
    return holder;
  }

  private studyRow(study: Study, index: number, isUnfolded: boolean): HTMLElement {
    const isSelected = index === this.cursor;
    const arrived = new Date(study.last_received_at);
    const now = this.now;
    const isArriving = study.is_dirty && now.getTime() - arrived.getTime() < Math.max(this.quiet_ms, 3000);
    const isFresh = this.fresh.delete(study.StudyInstanceUID);
    const hasProblem = study.badges.some((badge) => badge.kind === "warn" || badge.kind === "fail");
    const checks = study.badges.map((badge) => el("span", { class: badge.kind === "pass" && (isArriving || hasProblem) ? "opt" : "" }, tellingBadgeOf(badge)));
    if (isArriving) {
      checks.unshift(tellingBadgeOf({ kind: "live", icon: "arriving", text: `Arriving ${study.instance_count}`, sentence: `${study.instance_count} images so far; the series is not yet quiet.` }));
    }
    const unfoldButton = el("button", {
      type: "button", class: "fold", tabindex: "-1", "aria-label": isUnfolded ? "Fold" : "Unfold", "aria-expanded": String(isUnfolded),
      click: (event: Event) => { event.stopPropagation(); this.setCursor(index); this.toggle(study.StudyInstanceUID); },
    }, icon(isUnfolded ? "down" : "right", "s"));
    const modalities = study.modalities.map(modalityTag);
    return el("div", {
      class: `tr ${isSelected ? "sel" : ""} ${isUnfolded ? "open" : ""} ${isFresh ? "arrived" : ""}`, role: "row", id: `row-${index}`,
      "aria-rowindex": index + 2, "aria-selected": String(isSelected), "data-study": study.StudyInstanceUID,
      click: () => { this.setCursor(index); this.focus(); },
      dblclick: () => this.events.open(study.StudyInstanceUID, null),
    },
      el("span", { role: "gridcell" }, unfoldButton),
      el("span", { role: "gridcell", class: `pn ${study.PatientName ? "" : "t3"}`, title: formatPersonName(study.PatientName ?? "") }, formatPersonName(study.PatientName ?? "") || "no name"),
      el("span", { role: "gridcell", class: "x hide", title: study.PatientID }, study.PatientID),
      el("span", { role: "gridcell", class: "x" }, formatDate(study.StudyDate)),
      el("span", { role: "gridcell", class: "x", title: study.StudyDescription }, study.StudyDescription),
      el("span", { role: "gridcell", class: "mods" }, ...modalities),
      el("span", { role: "gridcell", class: "n" }, formatNumber(study.series_count, 0)),
      el("span", { role: "gridcell", class: "n" }, formatNumber(study.instance_count, 0)),
      el("span", { role: "gridcell", class: "x hide", title: study.facilities.join(", ") }, study.facilities.join(", ")),
      el("span", { role: "gridcell", class: "x", title: arrived.toLocaleString() }, formatArrival(arrived, now)),
      el("span", { role: "gridcell", class: "c" }, ...checks));
  }

  private setCursor(index: number): void {
    const last = this.cursor;
    this.cursor = Math.max(0, Math.min(index, this.rowCount - 1));
    this.cursorUID = this.studyAt(this.cursor)?.StudyInstanceUID ?? null;
    this.scroller.setAttribute("aria-activedescendant", `row-${this.cursor}`);
    const mark = (at: number, isOn: boolean): void => {
      const row = this.rows.get(at)?.firstElementChild;
      row?.classList.toggle("sel", isOn);
      row?.setAttribute("aria-selected", String(isOn));
    };
    mark(last, false);
    mark(this.cursor, true);
  }

  private reveal(): void {
    const top = this.topOf(this.cursor);
    const bottom = top + ROW_PX + (this.cursor === this.unfoldedIndex ? UNFOLDED_PX : 0);
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (bottom > this.scroller.scrollTop + this.scroller.clientHeight) this.scroller.scrollTop = bottom - this.scroller.clientHeight;
    this.draw();
  }

  private toggle(uid: string): void {
    if (this.unfolded?.uid === uid) {
      this.unfolded = null;
    } else {
      this.unfolded = { uid, series: null, selected: 0 };
      void this.loadSeries(this.unfolded);
    }
    this.clearRows();
    this.drawNow();
    this.reveal();
  }

  private async loadSeries(unfolded: Unfolded): Promise<void> {
    try {
      unfolded.series = await this.events.unfold(unfolded.uid);
    } catch (error) {
      unfolded.series = error instanceof Error ? error : new Error("The series could not be read.");
    }
    if (this.unfolded === unfolded) this.redraw(this.unfoldedIndex);
  }

  private selectSeries(at: number): void {
    const series = this.unfolded?.series;
    if (!this.unfolded || !Array.isArray(series) || at < 0 || at >= series.length || at === this.unfolded.selected) return;
    this.unfolded.selected = at;
    this.redraw(this.unfoldedIndex);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_PX) - 1);
    const moves: Record<string, number> = {
      ArrowDown: this.cursor + 1, ArrowUp: this.cursor - 1, PageDown: this.cursor + page, PageUp: this.cursor - page,
      Home: 0, End: this.rowCount - 1,
    };
    const move = moves[event.key];
    if (move !== undefined) {
      this.setCursor(move);
      this.reveal();
    } else if (event.key === "Enter" && event.target === this.scroller) {
      this.openCursor();
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      this.sideways(event.key === "ArrowRight");
    } else {
      return;
    }
    event.preventDefault();
  }

  private openCursor(): void {
    const study = this.studyAt(this.cursor);
    if (!study) return;
    const { unfolded } = this;
    const series = unfolded?.uid === study.StudyInstanceUID && Array.isArray(unfolded.series) ? unfolded.series[unfolded.selected] : undefined;
    this.events.open(study.StudyInstanceUID, series?.SeriesInstanceUID ?? null);
  }

  private sideways(isRight: boolean): void {
    const study = this.studyAt(this.cursor);
    if (!study) return;
    const isUnfolded = this.unfolded?.uid === study.StudyInstanceUID;
    if (!isUnfolded) {
      if (isRight) this.toggle(study.StudyInstanceUID);
    } else if (isRight) {
      this.selectSeries((this.unfolded?.selected ?? 0) + 1);
    } else if ((this.unfolded?.selected ?? 0) > 0) {
      this.selectSeries((this.unfolded?.selected ?? 0) - 1);
    } else {
      this.toggle(study.StudyInstanceUID);
    }
  }
}
