/** The upload panel: choose, where to, how far, what became of each file. It never covers the page. */
import { el } from "../ground/dom";
import { icon, type IconName } from "../ground/icons";
import { formatBytes, formatNumber } from "../ground/numbers";
import { type Choice, choiceOf, filesOfDrop } from "./files";
import { type Item, UploadQueue } from "./queue";
import { countsOf, csvOf, type Group, GROUP_WORDS, GROUPS, type Row, rowsOf, saveText } from "./report";
import { readTerms, sendBody, type Terms } from "./send";

const DRAW_MS = 200;
const SHOWN_ROWS = 200;
const GROUP_ICONS: Record<Group, [IconName, string]> = {
  failed: ["warn", "warn"], rejected: ["fail", "fail"], conflict: ["duplicate", "warn"], stored: ["pass", "pass"], same: ["check", "none"],
};

function formatLeft(left_s: number): string {
  if (!Number.isFinite(left_s) || left_s > 86_400) return "";
  const s = Math.max(1, Math.round(left_s));
  if (s >= 3600) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min left`;
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")} left`;
}

const filesWord = (count: number): string => `${formatNumber(count, 0)} ${count === 1 ? "file" : "files"}`;

function sentenceOf(row: Row): string {
  const said = row.reason.charAt(0).toUpperCase() + row.reason.slice(1).replace(/\.$/, "");
  return `${said}.${row.isQuarantined ? " Kept in quarantine." : ""}`;
}

/** What is done with a file at the moment. */
export function nowWords({ path, file, sent, taken }: Item): string {
  if (taken && taken.found > 1) return `taking in ${path} · ${formatNumber(taken.done, 0)} / ${filesWord(taken.found)}`;
  return `${sent >= file.size && file.size > 5e6 ? "taking in" : "sending"} ${path}`;
}

interface GroupParts {
  element: HTMLDetailsElement;
  count: HTMLElement;
  list: HTMLElement;
  drawn: number;
}

export class UploadPanel {
  readonly element: HTMLElement;
  private readonly title = el("span", { class: "ttl" }, "Upload");
  private readonly body = el("div", { class: "upbody" });
  private readonly asks = el("div", { class: "upask" });
  private readonly bar = el("i");
  private readonly progress = el("div", { class: "bar", role: "progressbar", "aria-label": "Upload", "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
  private readonly count = el("span", { class: "f14 b" });
  private readonly pace = el("span", { class: "f12 t2" });
  private readonly now = el("div", { class: "f12 t3 ell" });
  private readonly halt = el("div", { class: "halt", role: "alert", hidden: true });
  private readonly cancelButton = el("button", { type: "button", class: "btn s" }, "Cancel");
  private readonly going: HTMLElement;
  private readonly groups = new Map<Group, GroupParts>();
  private readonly acts: HTMLElement;
  private readonly retryButton = el("button", { type: "button", class: "btn s" }, icon("refresh", "s"), "Retry");
  private readonly said = el("div", { class: "unseen", role: "status" });
  private readonly fold = el("button", { type: "button", class: "ib s", "aria-label": "Fold the upload panel", "aria-expanded": "true" }, icon("down", "s"));
  private readonly filesInput = el("input", { type: "file", multiple: true, class: "unseen", tabindex: "-1", "aria-label": "Files to upload" });
  private readonly folderInput = el("input", { type: "file", webkitdirectory: true, class: "unseen", tabindex: "-1", "aria-label": "Folder to upload" });
  private readonly queue: UploadQueue;
  private terms: Terms | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private walking: AbortController | null = null;
  private unreadable: Row[] = [];
  private wasRunning = false;
  private lastFacility = "";

  constructor(private readonly options: { isPage: boolean }) {
    this.queue = new UploadQueue(sendBody,
      () => ({ atOnce: this.terms?.at_once ?? 2, mostBytes: this.terms?.most_bytes ?? Infinity }), () => this.drawSoon());
    this.going = el("div", { class: "upgoing", hidden: true },
      el("div", { class: "row g2" }, this.count, el("span", { class: "grow" }), this.pace, this.cancelButton), this.progress, this.now);
    this.acts = el("div", { class: "row g2 upacts", hidden: true }, this.retryButton,
      el("button", { type: "button", class: "btn s", click: () => this.save() }, icon("download", "s"), "Report (CSV)"),
      el("span", { class: "grow" }),
      el("button", { type: "button", class: "btn s q", click: () => this.clear() }, "Clear"));
    const close = el("button", { type: "button", class: "ib s", "aria-label": "Close the upload panel", click: () => this.close() }, icon("close", "s"));
    const head = options.isPage ? null : el("div", { class: "ph" }, this.title, el("span", { class: "grow" }), this.fold, close);
    this.body.append(this.asks, this.halt, this.going, ...GROUPS.map((group) => this.groupOf(group)), this.acts);
    this.element = el("section", { class: `up ${options.isPage ? "page" : "float"}`, "aria-label": "Upload", hidden: !options.isPage },
      head, this.body, this.said, this.filesInput, this.folderInput);
    this.listen();
  }

  /** Ask for files; into where is asked then. */
  chooseFiles(): void {
    this.filesInput.click();
  }

  chooseFolder(): void {
    this.folderInput.click();
  }

  /** Show the panel, with ways to fill it where it is empty. */
  async open(): Promise<void> {
    this.element.hidden = false;
    this.expand(true);
    if (this.queue.items.length === 0 && this.walking === null) await this.askForFiles();
    this.element.querySelector<HTMLElement>(".upask button, .upgoing button")?.focus();
  }

  /** Take what was dropped; called within the event. */
  drop(transfer: DataTransfer): void {
    void this.walk((found, signal) => filesOfDrop(transfer, found, signal));
  }

  get isRunning(): boolean {
    return this.queue.isRunning;
  }

  private listen(): void {
    for (const input of [this.filesInput, this.folderInput]) {
      input.addEventListener("change", () => {
        const choice = choiceOf(input.files ?? []);
        input.value = "";
        if (choice.files.length > 0) void this.offer(choice);
      });
    }
    this.cancelButton.addEventListener("click", () => this.queue.cancel());
    this.retryButton.addEventListener("click", () => this.queue.retry());
    this.fold.addEventListener("click", () => this.expand(this.body.hidden));
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.options.isPage) return;
      event.stopPropagation();
      if (this.queue.isRunning) this.expand(false);
      else this.close();
    });
    addEventListener("beforeunload", (event) => {
      if (this.queue.isRunning) event.preventDefault();
    });
  }

  private expand(isOpen: boolean): void {
    this.body.hidden = !isOpen;
    this.fold.replaceChildren(icon(isOpen ? "down" : "up", "s"));
    this.fold.setAttribute("aria-expanded", String(isOpen));
    this.fold.setAttribute("aria-label", isOpen ? "Fold the upload panel" : "Unfold the upload panel");
  }

  private async walk(look: (found: (count: number) => void, signal: AbortSignal) => Promise<Choice>): Promise<void> {
    this.element.hidden = false;
    this.expand(true);
    this.walking?.abort();
    const walking = this.walking = new AbortController();
    const words = el("span", { class: "t2" }, "Looking through folders…");
    this.asks.replaceChildren(el("div", { class: "row g2" }, words, el("span", { class: "grow" }),
      el("button", { type: "button", class: "btn s", click: () => walking.abort() }, "Cancel")));
    try {
      const choice = await look((count) => { words.textContent = `Looking through folders… ${filesWord(count)}`; }, walking.signal);
      await this.offer(choice);
    } catch {
      this.asks.replaceChildren();
      this.draw();
    } finally {
      if (this.walking === walking) this.walking = null;
    }
  }

  /** Files are there: where to is asked, unless there is only one place. */
  private async offer(choice: Choice): Promise<void> {
    this.element.hidden = false;
    this.expand(true);
    for (const path of choice.unreadable) this.unreadable.push({ group: "failed", path, reason: "Your browser could not read it.", files: 1, isQuarantined: false });
    const terms = await this.readTerms();
    if (terms === null) return;
    this.asks.replaceChildren();
    if (choice.files.length === 0) {
      this.asks.append(el("p", { class: "t2" }, "There was no file in what was dropped."));
    } else if (terms.facilities.length === 1 && terms.facilities[0] !== undefined && !choice.isCut) {
      this.start(choice, terms.facilities[0]);
    } else {
      this.askFacility(choice, terms);
    }
    this.draw();
  }

  private askFacility(choice: Choice, terms: Terms): void {
    const bytes = choice.files.reduce((sum, { file }) => sum + file.size, 0);
    const field = this.facilityField(terms);
    const form = el("form", { class: "col g2" },
      el("p", {}, el("b", { class: "m" }, filesWord(choice.files.length)), ` · ${formatBytes(bytes)}. Into which facility?`),
      el("p", { class: "f12 t2" }, "A facility is a group of studies: who may see it sees all of them."),
      choice.isCut ? el("p", { class: "warnink f12" }, "There are more or deeper folders than are taken at a time: the rest is left out.") : null,
      el("div", { class: "row g2" }, field.element,
        el("button", { type: "submit", class: "btn s p" }, "Upload"),
        el("button", { type: "button", class: "btn s", click: () => { this.asks.replaceChildren(); this.draw(); } }, "Cancel")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.asks.replaceChildren();
      this.start(choice, field.value());
    });
    this.asks.replaceChildren(form);
    field.input.focus();
  }

  private facilityField(terms: Terms): { element: HTMLElement; input: HTMLElement; value(): string } {
    const [only = ""] = terms.facilities.length === 1 ? terms.facilities : [];
    const first = terms.facilities.includes(this.lastFacility) ? this.lastFacility : only;
    if (terms.may_add_facility) {
      const input = el("input", { list: "up-facilities", required: true, maxlength: 64, pattern: "[\\p{L}\\p{N}_ .\\-]+", placeholder: "Facility", "aria-label": "Facility", autocomplete: "off", spellcheck: "false", value: first });
      const list = el("datalist", { id: "up-facilities" }, ...terms.facilities.map((name) => el("option", { value: name })));
      return { element: el("span", { class: "input s grow" }, input, list), input, value: () => input.value.trim() };
    }
    const select = el("select", { class: "input s grow", required: true, "aria-label": "Facility" },
      el("option", { value: "" }, "Facility"), ...terms.facilities.map((name) => el("option", { value: name, selected: name === first }, name)));
    return { element: select, input: select, value: () => select.value };
  }

  private start(choice: Choice, facility: string): void {
    this.lastFacility = facility;
    this.queue.add(choice.files, facility);
    this.said.textContent = `Uploading ${filesWord(choice.files.length)} into ${facility}.`;
  }

  private async readTerms(): Promise<Terms | null> {
    try {
      this.terms = await readTerms();
      return this.terms;
    } catch (error) {
      this.asks.replaceChildren(el("p", { class: "bad", role: "alert" }, error instanceof Error ? error.message : "The archive does not answer."));
      return null;
    }
  }

  private async askForFiles(): Promise<void> {
    if (this.options.isPage) return;
    const terms = await this.readTerms();
    if (terms === null) return;
    const where = terms.facilities.length === 1 ? `They go into the facility ${terms.facilities[0] ?? ""}.` : "You are asked for the facility.";
    this.asks.replaceChildren(
      el("p", { class: "t2" }, `DICOM files, folders or a ZIP. ${where} Or drop them anywhere on this page.`),
      el("div", { class: "row g2" },
        el("button", { type: "button", class: "btn s p", click: () => this.chooseFiles() }, icon("document", "s"), "Choose files"),
        el("button", { type: "button", class: "btn s", click: () => this.chooseFolder() }, icon("folder", "s"), "Choose a folder")));
  }

  private close(): void {
    this.walking?.abort();
    if (this.queue.isRunning) { this.expand(false); return; }
    this.clear();
    this.element.hidden = true;
  }

  private clear(): void {
    this.queue.clear();
    this.unreadable = [];
    this.asks.replaceChildren();
    this.draw();
    if (!this.options.isPage) this.element.hidden = true;
  }

  private rows(): Row[] {
    return [...this.unreadable, ...this.queue.items.flatMap(rowsOf)];
  }

  private save(): void {
    saveText(csvOf(this.rows()), "upload-report.csv", "text/csv;charset=utf-8");
  }

  private groupOf(group: Group): HTMLElement {
    const [picture, kind] = GROUP_ICONS[group];
    const count = el("b", { class: "m" });
    const list = el("ul", { class: "uprows" });
    const element = el("details", { class: "upgroup", hidden: true },
      el("summary", { class: "row g2" }, el("span", { class: `mark ${kind}` }, icon(picture, "s")), count, GROUP_WORDS[group],
        el("span", { class: "grow" }), el("span", { class: "chev" }, icon("right", "s"))), list);
    const parts: GroupParts = { element, count, list, drawn: -1 };
    element.addEventListener("toggle", () => { parts.drawn = -1; this.draw(); });
    this.groups.set(group, parts);
    return element;
  }

  private drawSoon(): void {
    this.timer ??= setTimeout(() => { this.timer = null; this.draw(); }, DRAW_MS);
  }

  private draw(): void {
    const rows = this.rows();
    const counts = countsOf(rows);
    this.drawProgress(counts);
    for (const group of GROUPS) this.drawGroup(group, counts[group], rows);
    const isOver = !this.queue.isRunning && this.queue.halted === null;
    this.acts.hidden = rows.length === 0 || !isOver;
    const retryable = this.queue.count("failed") + this.queue.count("cancelled");
    this.retryButton.hidden = retryable === 0;
    this.retryButton.replaceChildren(icon("refresh", "s"), `Retry ${formatNumber(retryable, 0)}`);
    if (this.wasRunning && isOver && rows.length > 0) {
      this.said.textContent = `Upload ended: ${GROUPS.filter((each) => counts[each] > 0).map((each) => `${counts[each]} ${GROUP_WORDS[each]}`).join(", ")}.`;
      this.openFirstExceptions(counts);
    }
    this.wasRunning = this.queue.isRunning;
  }

  /** What needs a look is unfolded once, at the end; what went well stays a line. */
  private openFirstExceptions(counts: Record<Group, number>): void {
    const first = GROUPS.find((group) => counts[group] > 0 && group !== "stored" && group !== "same");
    const parts = first ? this.groups.get(first) : undefined;
    if (parts) parts.element.open = true;
  }

  private drawProgress(counts: Record<Group, number>): void {
    const { ended, files, allBytes } = this.queue.progress();
    const work = this.queue.work();
    const isRunning = this.queue.isRunning;
    const { halted } = this.queue;
    this.going.hidden = files === 0;
    this.cancelButton.hidden = !isRunning && halted === null;
    const share = work.all > 0 ? work.done / work.all : ended / Math.max(files, 1);
    this.bar.style.width = `${(share * 100).toFixed(1)}%`;
    this.progress.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    const isBad = counts.failed + counts.rejected + counts.conflict > 0;
    this.progress.className = `bar ${isRunning || halted !== null ? "" : isBad ? "warn" : "ok"}`;
    this.count.textContent = `${formatNumber(ended, 0)} / ${filesWord(files)}`;
    const sending = this.queue.items.filter((item) => item.state === "sending");
    const pace = isRunning ? this.queue.pace() : null;
    const words = pace ? [pace.bytesPerS > 0 ? `${formatBytes(pace.bytesPerS)}/s` : "", formatLeft(pace.left_s)] : isRunning ? [] : [formatBytes(allBytes)];
    this.pace.textContent = words.filter(Boolean).join(" · ");
    const facility = this.queue.items.at(-1)?.facility ?? "";
    const current = sending.find((item) => item.sent >= item.file.size) ?? sending[0];
    this.now.textContent = isRunning && current ? nowWords(current) : `into ${facility}${this.queue.items.some(({ answer }) => answer?.is_zip) ? " · below, what was in a zip counts one by one" : ""}`;
    this.title.textContent = this.body.hidden && files > 0 ? `Upload ${ended} / ${files}` : "Upload";
    this.halt.hidden = halted === null;
    if (halted !== null) {
      this.halt.replaceChildren(el("p", {}, halted), el("button", { type: "button", class: "btn s", click: () => this.queue.resume() }, "Go on"));
    }
  }

  private drawGroup(group: Group, count: number, rows: Row[]): void {
    const parts = this.groups.get(group);
    if (!parts) return;
    parts.element.hidden = count === 0;
    parts.count.textContent = formatNumber(count, 0);
    if (!parts.element.open || parts.drawn === count) return;
    parts.drawn = count;
    const own = rows.filter((row) => row.group === group);
    const lines = own.slice(0, SHOWN_ROWS).map((row) => el("li", {},
      el("div", { class: "ell", title: row.path }, row.path, row.files > 1 ? el("span", { class: "t3" }, ` · ${filesWord(row.files)}`) : null),
      row.reason ? el("div", { class: "f12 t2" }, sentenceOf(row)) : null));
    if (own.length > SHOWN_ROWS) lines.push(el("li", { class: "t3 f12" }, `${formatNumber(own.length - SHOWN_ROWS, 0)} more: see the report.`));
    parts.list.replaceChildren(...lines);
  }
}
