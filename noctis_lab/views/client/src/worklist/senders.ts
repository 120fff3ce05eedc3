/** Unknown senders in the admin's corner: each is approved into a facility, or blocked. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import type { Senders, Source, UnknownSender } from "./api";
import { formatArrival, formatCount } from "./words";

export class UnknownSenders {
  readonly element = el("div", { class: "asking" });
  private facilities: string[] = [];

  constructor(private readonly source: Source) {}

  async load(): Promise<void> {
    try {
      this.show(await this.source.senders());
    } catch {
      this.element.replaceChildren();
    }
  }

  private show(senders: Senders): void {
    this.facilities = senders.facilities;
    this.element.replaceChildren(...senders.unknown.slice(0, 4).map((sender) => this.unknown(sender)));
    if (senders.unknown.length > 4) {
      this.element.append(el("p", { class: "f12 t3 none" }, `${senders.unknown.length - 4} more: noctis sender list`));
    }
  }

  private unknown(sender: UnknownSender): HTMLElement {
    const problem = el("p", { class: "f12 bad", role: "alert", hidden: true });
    const act = async (doing: Promise<Senders>): Promise<void> => {
      problem.hidden = true;
      try {
        this.show(await doing);
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
      el("span", { class: "grow" }), el("span", { class: "f12 t3" }, `at least ${formatCount(sender.attempts, "attempt")}`));
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
