/** A notebook's file holds a still beside the view: it stands there until the kernel answers, or for ever where none does. */
import type { StackDescription, Transport } from "../ground/transport";

export class Still {
  readonly #stills: HTMLElement[];
  #held: { element: HTMLElement; display: string } | null = null;

  /** `name` is what stills in the document call the view; empty: there is none. */
  constructor(name: string) {
    this.#stills = name === "" ? [] : [...document.querySelectorAll<HTMLElement>(`.noctis-still[data-view="${CSS.escape(name)}"]`)];
  }

  /** Give way at a transport's first answer; a refusal is one too: the view says what it is. */
  awaitAnswer(transport: Transport): void {
    if (this.#stills.length === 0) return;
    const ask = transport.stack.bind(transport);
    transport.stack = async (SeriesInstanceUID: string, signal?: AbortSignal): Promise<StackDescription> => {
      const answer = ask(SeriesInstanceUID, signal);
      await answer.catch(() => null);
      if (!signal?.aborted) {
        transport.stack = ask;
        this.#giveWay();
      }
      return answer;
    };
  }

  /** Keep an element back while the still stands. */
  hold(element: HTMLElement): void {
    if (this.#stills.length === 0 || this.#held !== null) return;
    this.#held = { element, display: element.style.display };
    element.style.display = "none";
  }

  #giveWay(): void {
    for (const still of this.#stills.splice(0)) still.remove();
    if (this.#held !== null) this.#held.element.style.display = this.#held.display;
  }
}
