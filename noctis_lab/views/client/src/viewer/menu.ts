/** A menu under a button: opened by it, walked by the arrow keys, closed by Esc or by going elsewhere. */
import { el } from "../ground/dom";

/** What has the focus when it opens: where a name is asked for, else what is chosen, else the first item. */
const FIRST = ["input", ".item.on", ".item"];

export class Menu {
  readonly element: HTMLElement;

  /** `fill` gives the items anew at each opening; those with the class "item" are walked through. */
  constructor(readonly button: HTMLButtonElement, readonly fill: () => HTMLElement[], style = "") {
    this.element = el("div", { class: `menu pop ${style}`.trim(), role: "menu", hidden: true });
    button.addEventListener("click", () => this.#toggle());
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.element.addEventListener("focusout", ({ relatedTarget }) => {
      const isInside = relatedTarget instanceof Node && (this.element.contains(relatedTarget) || button.contains(relatedTarget));
      if (!isInside) this.#hide();
    });
  }

  /** Close it; false if it is not open. */
  close(): boolean {
    if (this.element.hidden) return false;
    this.#hide();
    this.button.focus();
    return true;
  }

  #hide(): void {
    this.element.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
  }

  #toggle(): void {
    if (this.close()) return;
    this.element.replaceChildren(...this.fill());
    this.element.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    const host = (this.element.offsetParent ?? this.element).getBoundingClientRect();
    const box = this.button.getBoundingClientRect();
    this.element.style.left = `${Math.min(box.left - host.left, host.width - this.element.offsetWidth - 4)}px`;
    this.element.style.top = `${box.bottom - host.top + 4}px`;
    this.element.querySelector<HTMLElement>(FIRST.find((selector) => this.element.querySelector(selector)) ?? ".item")?.focus();
  }

  #onKey(event: KeyboardEvent): void {
    const items = [...this.element.querySelectorAll<HTMLElement>(".item")];
    const at = items.indexOf((this.element.getRootNode() as ShadowRoot).activeElement as HTMLElement);
    const columns = Number(this.element.dataset["columns"] ?? 1);
    const next = {
      ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: items.length - 1,
      ...(columns > 1 ? { ArrowLeft: at - 1, ArrowRight: at + 1 } : {}),
    }[event.key];
    if (next !== undefined) items[(next + items.length) % items.length]?.focus();
    else if (event.key === "Escape") this.close();
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
  }
}
