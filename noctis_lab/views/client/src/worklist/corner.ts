/** The admin's corner: who asks to send, what is kept aside. It stands where there is room for it. */
import { el } from "../ground/dom";
import type { Happening, Source } from "./api";
import { QuarantineList } from "./quarantine";
import { UnknownSenders } from "./senders";

const OF_QUARANTINE = new Set(["instance-conflict", "instance-rejected", "quarantine-settled", "missed"]);
const SOON_MS = 300;

export class AdminCorner {
  readonly element = el("div", { class: "corner" });
  private readonly senders: UnknownSenders;
  private readonly quarantine: QuarantineList;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(source: Source) {
    this.senders = new UnknownSenders(source);
    this.quarantine = new QuarantineList(source);
    this.element.append(this.senders.element, this.quarantine.element);
    void this.senders.load();
    void this.quarantine.load();
  }

  /** Look again at what waits for a decision: it may have been taken elsewhere. */
  look(): void {
    this.senders.look();
    this.quarantine.look();
  }

  /** Name the archive, where a command has to, to mean this one. */
  of(root: string | null): void {
    this.quarantine.of(root);
  }

  happened(what: Happening): void {
    if (what.kind === "sender-refused" || what.kind === "missed") void this.senders.load();
    // A push of a thousand conflicts asks once, not a thousand times.
    if (OF_QUARANTINE.has(what.kind)) this.timer ??= setTimeout(() => { this.timer = null; void this.quarantine.load(); }, SOON_MS);
  }
}
