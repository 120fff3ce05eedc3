/** What is kept aside, in the admin's corner: why, how it differs, accept or discard. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatBytes, formatNumber } from "../ground/numbers";
import type { Kept, KeptDetail, Quarantine, Source } from "./api";
import { rootOptionOf } from "./query";
import { formatArrival } from "./words";

const MOST_DIFFERENCES = 12;

/** By which door it came, where no sending AE title says it. */
const DOORS: Record<Kept["source"], string> = { scp: "pushed", folder: "indexed", upload: "upload", stow: "STOW-RS" };

export class QuarantineList {
  readonly element = el("details", { class: "kept", hidden: true });
  private readonly count = el("span", { class: "m" });
  private readonly list = el("div", { class: "keptrows" });
  private readonly more = el("p", { class: "f12 t3" });
  private readonly said = el("div", { class: "unseen", role: "status" });
  private shown = new Map<string, HTMLElement>();
  private loads = 0;
  private rest = 0;
  private root: string | null = null;

  constructor(private readonly source: Source) {
    this.element.append(
      el("summary", { class: "row g2" }, el("span", { class: "warnink" }, icon("warn")), this.count, el("span", { class: "grow" }), el("span", { class: "chev t3" }, icon("right", "s"))),
      this.list, this.more, this.said);
  }

  async load(): Promise<void> {
    const turn = (this.loads += 1);
    try {
      const answer = await this.source.quarantine();
      if (turn === this.loads) this.show(answer);
    } catch {
      // an older server has no such route; what it shows already stays
    }
  }

  /** Say again how long ago each came: "now" does not last. */
  look(): void {
    for (const time of this.list.querySelectorAll("time")) time.textContent = formatArrival(new Date(time.dateTime), new Date());
  }

  private show(answer: Quarantine): void {
    this.element.hidden = answer.total === 0;
    this.count.textContent = `${formatNumber(answer.total, 0)} in quarantine`;
    // A row that is being decided on stays as it is while others come and go; one that changed is new.
    const shown = new Map(answer.rows.map((row) => {
      const text = JSON.stringify(row);
      return [text, this.shown.get(text) ?? this.rowOf(row)];
    }));
    const before = [...this.shown.keys()];
    const isSame = shown.size === this.shown.size && [...shown.keys()].every((text, index) => text === before[index]);
    this.shown = shown;
    if (!isSame) this.list.replaceChildren(...shown.values());
    this.rest = answer.total - answer.rows.length;
    this.showRest();
  }

  /** Name the archive, where a command has to, to mean this one. */
  of(root: string | null): void {
    this.root = root;
    this.showRest();
  }

  private showRest(): void {
    this.more.textContent = this.rest > 0 ? `${formatNumber(this.rest, 0)} more: noctis quarantine list${rootOptionOf(this.root)}` : "";
    this.more.hidden = this.rest <= 0;
  }

  private rowOf(row: Kept): HTMLElement {
    const detail = el("div", { class: "keptdetail" });
    const what = row.kind === "conflict" ? "Same instance, other content" : "Could not be taken in";
    const from = [row.calling_aet || DOORS[row.source], row.facility, formatBytes(row.size_bytes)].filter(Boolean).join(" · ");
    const element = el("details", { class: "keptrow" },
      el("summary", {},
        el("span", { class: "row g2" }, el("span", { class: `badge ${row.kind === "conflict" ? "warn" : "fail"}` }, icon(row.kind === "conflict" ? "duplicate" : "fail", "xs"), el("span", {}, row.kind === "conflict" ? "Conflict" : "Rejected")),
          el("span", { class: "grow" }), el("time", { class: "f12 t3", datetime: row.received_at }, formatArrival(new Date(row.received_at), new Date()))),
        el("span", { class: "keptwhat" }, what),
        el("span", { class: "f12 t2 ell" }, from)),
      detail);
    element.addEventListener("toggle", () => {
      if (element.open && detail.childElementCount === 0) void this.fill(detail, row);
    });
    return element;
  }

  private async fill(detail: HTMLElement, row: Kept): Promise<void> {
    detail.replaceChildren(el("i", { class: "skeleton" }));
    try {
      detail.replaceChildren(...this.detailOf(await this.source.kept(row.quarantine_id)));
    } catch (error) {
      detail.replaceChildren(el("p", { class: "f12 bad", role: "alert" }, wordsOf(error)),
        el("button", { type: "button", class: "btn s", click: () => { void this.fill(detail, row); } }, "Try again"));
    }
  }

  private detailOf(kept: KeptDetail): HTMLElement[] {
    const { differences } = kept;
    const rest = differences.length - MOST_DIFFERENCES;
    const parts = differences.length === 0 ? [el("p", { class: "f12 t2" }, `${kept.reason.charAt(0).toUpperCase()}${kept.reason.slice(1)}`)] : [
      el("div", { class: "f11 b t3" }, "Differs in"),
      el("ul", { class: "row g1 diffs" }, ...differences.slice(0, MOST_DIFFERENCES).map((name) => el("li", { class: "chip" }, name)),
        rest > 0 ? el("li", { class: "t3 f12" }, `and ${rest} more`) : null)];
    const uid = kept.SOPInstanceUID ? [el("div", { class: "f11 t3 mono uid" }, kept.SOPInstanceUID)] : [];
    return [...parts, ...uid, this.decision(kept)];
  }

  /** Two buttons; each asks once more, in its own place, in what it means. */
  private decision(kept: KeptDetail): HTMLElement {
    const place = el("div", { class: "decide" });
    const choose = (): void => {
      place.replaceChildren(
        el("div", { class: "row g2" },
          el("button", { type: "button", class: "btn s", disabled: !kept.can_accept, click: () => confirm("accept") }, "Accept"),
          el("button", { type: "button", class: "btn s d", click: () => confirm("discard") }, "Discard")),
        ...(kept.can_accept ? [] : [el("p", { class: "f12 t3" }, kept.accept_means)]));
    };
    const confirm = (how: "accept" | "discard"): void => {
      const isAccept = how === "accept";
      const sure = el("button", { type: "button", class: `btn s ${isAccept ? "p" : "d"}` }, isAccept ? "Accept it" : "Discard for good");
      const problem = el("p", { class: "f12 bad", role: "alert", hidden: true });
      place.replaceChildren(
        el("p", { class: "f12" }, isAccept ? kept.accept_means : "Its bytes are removed for good. What the archive holds stays as it is."),
        el("div", { class: "row g2" }, sure, el("button", { type: "button", class: "btn s q", click: choose }, "Keep it here")), problem);
      sure.addEventListener("click", () => { void this.settle(kept, how, sure, problem); });
      sure.focus();
    };
    place.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      choose();
    });
    choose();
    return place;
  }

  private async settle(kept: KeptDetail, how: "accept" | "discard", button: HTMLButtonElement, problem: HTMLElement): Promise<void> {
    button.disabled = true;
    problem.hidden = true;
    try {
      const answer = await this.source.settle(kept.quarantine_id, how);
      this.loads += 1;
      this.shown.clear();
      this.show(answer);
      this.said.textContent = how === "accept" ? "Accepted." : "Discarded.";
    } catch (error) {
      problem.textContent = wordsOf(error);
      problem.hidden = false;
      button.disabled = false;
    }
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : "It could not be done.";
}
