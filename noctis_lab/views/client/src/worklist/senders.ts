/** Unknown senders in the admin's corner: each is approved into a facility, or blocked. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import type { Senders, Source, UnknownSender } from "./api";
import { formatArrival, formatCount } from "./words";

const SHOWN = 4;

interface Card {
  /** What it says. */
  text: string;
  element: HTMLElement;
}

export class UnknownSenders {
  readonly element = el("div", { class: "asking" });
  private facilities: string[] = [];
  private cards = new Map<string, Card>();
  private readonly more = el("p", { class: "f12 t3 none", hidden: true });
  /** How often something was decided here: an answer from before is none any more. */
  private decided = 0;

  constructor(private readonly source: Source) {}

  async load(): Promise<void> {
    const { decided } = this;
    try {
      const senders = await this.source.senders();
      if (decided === this.decided) this.show(senders);
    } catch {
      // the bar at the top says that the server is away; what is being typed stays
    }
  }

  /** Ask whether those shown still wait: they may have been decided on elsewhere. */
  look(): void {
    if (this.cards.size > 0) void this.load();
  }

  /** Cards that stay keep their place in the page, and so what is being typed in them. */
  private show(senders: Senders): void {
    this.facilities = senders.facilities;
    const before = this.cards;
    this.cards = new Map(senders.unknown.slice(0, SHOWN).map((sender) => {
      const [name, text] = [JSON.stringify([sender.aet, sender.address]), JSON.stringify([sender, senders.facilities, formatArrival(new Date(sender.last_at), new Date())])];
      const known = before.get(name);
      const isKept = known !== undefined && (known.text === text || known.element.querySelector(".choice:not([hidden])") !== null);
      return [name, isKept ? known : { text, element: this.unknown(sender) }];
    }));
    const over = senders.unknown.length - SHOWN;
    this.more.hidden = over <= 0;
    this.more.textContent = `${over} more: noctis sender list`;
    const wanted: Element[] = [...[...this.cards.values()].map((card) => card.element), this.more];
    for (const old of [...this.element.children]) if (!wanted.includes(old)) old.remove();
    wanted.forEach((each, i) => { if (this.element.children[i] !== each) this.element.insertBefore(each, this.element.children[i] ?? null); });
  }

  private unknown(sender: UnknownSender): HTMLElement {
    const problem = el("p", { class: "f12 bad", role: "alert", hidden: true });
    const act = async (doing: Promise<Senders>): Promise<void> => {
      problem.hidden = true;
      this.decided += 1;
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
