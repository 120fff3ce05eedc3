/** The tags panel: every element of the instance in view, filtered by keyword or value. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { type ElementText, messageOf } from "../ground/transport";
import type { Pane } from "./pane";

const REST_MS = 300;
const SHOWN_AT_MOST = 500;

export class TagsPanel {
  readonly element: HTMLElement;
  readonly #count = el("span", { class: "t3 f12" });
  readonly #filter = el("input", { type: "search", placeholder: "Keyword or value", "aria-label": "Filter the tags by keyword or value" });
  readonly #list = el("div", { class: "tags", tabindex: 0, role: "region", "aria-label": "Elements of this instance" });
  #elements: ElementText[] = [];
  #shownUID = "";
  #timer = 0;
  #loading: AbortController | null = null;

  constructor(readonly host: { readonly viewer: Pane }) {
    this.element = el("section", { class: "tagspanel", "aria-label": "Tags" },
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "Tags"), this.#count, el("span", { class: "grow" }),
        el("label", { class: "input s filter" }, icon("search", "s"), this.#filter)),
      this.#list);
    this.#filter.addEventListener("input", () => this.#draw());
    this.#filter.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.host.viewer.focus();
    });
  }

  /** Another frame may be another instance: ask for its elements once things rest. */
  refresh(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#load(), REST_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#loading?.abort();
  }

  /** Another series comes: nothing is known of it yet. */
  clear(): void {
    this.close();
    this.#shownUID = "";
    this.#elements = [];
    this.#count.textContent = "";
    this.#list.replaceChildren();
  }

  async #load(): Promise<void> {
    const { SOPInstanceUID, transport } = this.host.viewer;
    if (SOPInstanceUID === null || SOPInstanceUID === this.#shownUID) return;
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    try {
      const elements = await transport.elements(SOPInstanceUID, loading.signal);
      if (loading.signal.aborted) return; // another instance's are asked for by now
      this.#elements = elements;
      this.#shownUID = SOPInstanceUID;
      this.#draw();
    } catch (error) {
      if (loading.signal.aborted) return;
      this.#shownUID = "";
      this.#count.textContent = "";
      this.#list.replaceChildren(el("div", { class: "empty" }, messageOf(error),
        el("button", { class: "btn s", click: () => void this.#load() }, icon("refresh", "s"), "Try again")));
    }
  }

  #draw(): void {
    const words = this.#filter.value.trim().toLowerCase();
    const found = this.#elements.filter((element) => words === ""
      || `${element.tag} ${element.path} ${element.value ?? ""}`.toLowerCase().includes(words));
    this.#count.textContent = words === "" ? String(this.#elements.length) : `${found.length} of ${this.#elements.length}`;
    this.#list.replaceChildren(...found.slice(0, SHOWN_AT_MOST).map((element) => {
      const value = (element.value ?? "").replaceAll("\\", ", ").replace(/(^|, )-(?=\d)/g, "$1−");
      return el("div", { class: "tag", title: `${element.path} (${element.VR})\n${value}` },
        el("span", { class: "mono t3" }, element.tag), el("span", { class: "t2 ell" }, element.path === element.tag ? "private" : element.path), el("span", { class: "v" }, value));
    }));
    if (found.length > SHOWN_AT_MOST) this.#list.append(el("div", { class: "empty" }, `${found.length - SHOWN_AT_MOST} more: filter by keyword or value.`));
    if (found.length === 0) this.#list.append(el("div", { class: "empty" }, words === "" ? "This instance has no elements." : "No element's keyword or value holds that."));
  }
}
