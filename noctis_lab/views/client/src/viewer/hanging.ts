/** Hanging protocols: which one hung the study, which others apply, and the layouts that a reader saves. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { messageOf, request } from "../ground/transport";
import { actAndSay, REMOVE, sent } from "../ground/writing";
import type { Grid } from "./grid";
import { type LayoutDialogHost, type LayoutToSave, SaveLayoutDialog } from "./saveLayout";
import { Menu } from "./menu";
import type { Pane } from "./pane";
import { defaultState, type ViewState } from "./state";

/** A protocol that applies to the study, and the view that it makes of it. */
export interface Hung {
  /** "own:" and an item's id, "lab:" or "built-in:" and a file's name. */
  id: string;
  name: string;
  source: "own" | "lab" | "built-in";
  description: string;
  state: ViewState;
}

/** What a page is told: in the order of trying, and which one hung it (empty: none). */
export interface HangingModel {
  hung: string;
  protocols: Hung[];
}

/** Where protocols are asked for and kept. */
export class HangingStore {
  constructor(readonly StudyInstanceUID: string, readonly studies = "/api/v1/dicom/studies", readonly own = "/api/v1/hanging-protocols") {}

  async list(): Promise<Hung[]> {
    return (await (await request(this.#study)).json()) as Hung[];
  }

  /** Keep a layout; returns the id of the protocol. */
  async save(layout: LayoutToSave): Promise<string> {
    return this.#idOf(await request(this.#study, sent("POST", layout)));
  }

  /** Keep a protocol that is given as YAML. */
  async take(yaml: string): Promise<string> {
    return this.#idOf(await request(this.own, sent("POST", { yaml })));
  }

  async rename(id: string, name: string): Promise<string> {
    return this.#idOf(await request(this.#item(id), sent("PUT", { name })));
  }

  async forget(id: string): Promise<void> {
    await request(this.#item(id), REMOVE);
  }

  /** Return one's own protocol as a file's text. */
  async yamlOf(id: string): Promise<string> {
    return ((await (await request(this.#item(id))).json()) as { yaml: string }).yaml;
  }

  get #study(): string {
    return `${this.studies}/${encodeURIComponent(this.StudyInstanceUID)}/hanging`;
  }

  #item(id: string): string {
    return `${this.own}/${encodeURIComponent(id.replace(/^own:/, ""))}`;
  }

  async #idOf(answer: Response): Promise<string> {
    return `own:${((await answer.json()) as { item_id: string }).item_id}`;
  }
}

export interface HangingHost extends LayoutDialogHost {
  readonly viewer: Pane;
  readonly grid: Grid;
  restore(state: ViewState): void;
}

const SOURCES: Record<Hung["source"], string> = { own: "yours", lab: "the lab's", "built-in": "built in" };
const LONGEST_NAME = 100;
const MOST_FILE_BYTES = 32 * 1024;

export class HangingMenu {
  readonly button = el("button", { class: "ib", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "Hanging protocol" }, icon("overview"));
  readonly menu: Menu;
  readonly words = { name: "Hanging protocol", key: "⇧ H", hint: "how this study is hung; < and > take another" };
  readonly dialog: SaveLayoutDialog;
  #protocols: Hung[];
  #hung: string;
  /** It holds the focus while the list is written anew: what had it goes, and the menu would close. */
  readonly #saveItem = el("button", { role: "menuitem", class: "item", click: () => { this.menu.close(); this.dialog.open(); } }, icon("plus", "s"), el("span", { class: "grow" }, "Save this layout…"));
  readonly #list = el("div", { class: "saved", role: "group", "aria-label": "Protocols that apply" });

  constructor(readonly host: HangingHost, model: HangingModel, readonly store: HangingStore) {
    this.#protocols = model.protocols;
    this.#hung = model.hung;
    this.menu = new Menu(this.button, () => this.#fill(), "hanging");
    this.dialog = new SaveLayoutDialog(host, (layout) => this.#save(layout));
    this.#mark();
  }

  /** The protocol that hung what is in view; null: none did. */
  get hung(): Hung | null {
    return this.#protocols.find(({ id }) => id === this.#hung) ?? null;
  }

  /** Say which protocol hung the study, as it opens. */
  greet(): void {
    const { hung } = this;
    if (hung !== null) this.host.onSay(`Hung by ${hung.name} (${SOURCES[hung.source]})`);
  }

  /** Handle a key; true if it was ours. */
  key({ key, altKey, ctrlKey, metaKey }: KeyboardEvent): boolean {
    if (altKey || ctrlKey || metaKey) return false;
    if (key === "H") this.button.click();
    else if (key === "<" || key === ">") this.#step(key === ">" ? 1 : -1);
    else return false;
    return true;
  }

  /** Hang the study by a protocol; null: the series in view alone. */
  take(protocol: Hung | null): void {
    this.#hung = protocol?.id ?? "";
    const { StudyInstanceUID, SeriesInstanceUID } = this.host.viewer.state;
    const alone: ViewState = {
      ...defaultState(SeriesInstanceUID), StudyInstanceUID, layout: "1x1", panes: [], active: 0, link: { position: false, window: false, zoom: false }, mpr: null,
    };
    this.host.restore(protocol?.state ?? alone);
    this.#mark();
    this.host.onSay(protocol === null ? "Not hung by a protocol: one series alone" : `Hung by ${protocol.name} (${SOURCES[protocol.source]})`);
  }

  /** To the protocol before or after, and after the last one to none. */
  #step(count: 1 | -1): void {
    const places = this.#protocols.length + 1;
    if (places === 1) {
      this.host.onSay("No hanging protocol applies to this study");
      return;
    }
    const at = this.#protocols.findIndex(({ id }) => id === this.#hung);
    this.take(this.#protocols[((at < 0 ? places - 1 : at) + count + places) % places] ?? null);
  }

  #mark(): void {
    this.button.setAttribute("aria-label", `Hanging protocol: ${this.hung?.name ?? "none"}`);
    this.button.classList.toggle("on", this.hung !== null);
  }

  #fill(): HTMLElement[] {
    this.#write();
    void this.#read();
    return [
      el("div", { class: "head f12 t3" }, this.hung === null ? "Not hung by a protocol" : `Hung by ${this.hung.name}`),
      this.#list, el("div", { class: "hr" }),
      this.#saveItem,
      el("button", { role: "menuitem", class: "item", click: () => this.#import() }, icon("upload", "s"), el("span", { class: "grow" }, "Take in a YAML file…")),
    ];
  }

  /** Ask anew: series may have come, and protocols of another page. */
  async #read(): Promise<void> {
    try {
      this.#protocols = await this.store.list();
      this.#write();
      this.#mark();
    } catch (error) {
      this.host.onSay(messageOf(error));
    }
  }

  /** Write the list, and keep the focus in its place. */
  #write(): void {
    const focused = (this.#list.getRootNode() as ShadowRoot).activeElement;
    const hadFocus = focused !== null && this.#list.contains(focused);
    const at = Math.max([...this.#list.querySelectorAll(".item")].findIndex((item) => item === focused), 0);
    if (hadFocus) this.#saveItem.focus();
    this.#list.replaceChildren(...this.#protocols.map((protocol) => this.#item(protocol)), this.#choice(null));
    const items = [...this.#list.querySelectorAll<HTMLElement>(".item")];
    if (hadFocus) (items[at] ?? items.at(-1))?.focus();
  }

  #choice(protocol: Hung | null): HTMLElement {
    const isOn = (protocol?.id ?? "") === (this.hung?.id ?? "");
    return el("button", {
      role: "menuitemradio", "aria-checked": String(isOn), class: `item grow${isOn ? " on" : ""}`, title: protocol?.description || null,
      click: () => { this.menu.close(); this.take(protocol); this.host.viewer.focus(); },
    }, el("span", { class: "grow ell" }, protocol?.name ?? "No protocol: one series alone"), el("span", { class: "t3" }, protocol === null ? "" : SOURCES[protocol.source]));
  }

  #item(protocol: Hung): HTMLElement {
    const row = el("div", { class: "row" }, this.#choice(protocol));
    if (protocol.source !== "own") return row;
    const act = (name: string, shape: "text" | "download" | "close", run: () => void): HTMLElement =>
      el("button", { class: "ib s item", "aria-label": `${name} ${protocol.name}`, title: name, click: run }, icon(shape, "s"));
    row.append(act("Rename", "text", () => this.#rename(protocol, row)), act("Export", "download", () => void this.#export(protocol)), act("Delete", "close", () => void this.#forget(protocol)));
    return row;
  }

  #rename(protocol: Hung, row: HTMLElement): void {
    const input = el("input", { "aria-label": `New name of ${protocol.name}`, value: protocol.name, maxlength: LONGEST_NAME });
    input.addEventListener("keydown", (event) => {
      event.stopPropagation(); // what is typed is no key of the viewer's
      if (event.key === "Escape") this.#write();
      if (event.key === "Enter") void this.#say(async () => {
        const id = await this.store.rename(protocol.id, input.value.trim());
        if (this.#hung === protocol.id) this.#hung = id;
      }, `Renamed to ${input.value.trim()}`).then(() => this.#read());
    });
    const line = el("label", { class: "input s grow" }, input);
    row.prepend(line);
    input.focus(); // before the button goes that had it
    input.select();
    for (const other of [...row.children]) if (other !== line) other.remove();
  }

  async #save(layout: LayoutToSave): Promise<void> {
    const id = await this.store.save(layout);
    this.#protocols = await this.store.list();
    const applies = this.#protocols.some((protocol) => protocol.id === id);
    if (applies) this.#hung = id;
    this.#mark();
    this.host.onSay(applies ? `Saved: similar studies open as ${layout.name}` : `Saved as ${layout.name}; it does not apply to this study`);
  }

  #import(): void {
    const input = el("input", { type: "file", accept: ".yaml,.yml" });
    input.addEventListener("change", () => {
      const [file] = input.files ?? [];
      if (file === undefined) return;
      void this.#say(async () => {
        if (file.size > MOST_FILE_BYTES) throw new Error(`A protocol has at most ${MOST_FILE_BYTES} bytes`);
        await this.store.take(await file.text());
      }, "Taken in").then(() => this.#read());
    });
    input.click();
  }

  async #export(protocol: Hung): Promise<void> {
    await this.#say(async () => {
      const url = URL.createObjectURL(new Blob([await this.store.yamlOf(protocol.id)], { type: "application/yaml" }));
      el("a", { href: url, download: "hanging-protocol.yaml" }).click();
      window.setTimeout(() => URL.revokeObjectURL(url), 60_000);
    }, `Exported ${protocol.name}`);
  }

  async #forget(protocol: Hung): Promise<void> {
    if (this.#hung === protocol.id) this.#hung = "";
    await this.#say(() => this.store.forget(protocol.id), `Deleted ${protocol.name}`);
    await this.#read();
  }

  #say(act: () => Promise<unknown>, done: string): Promise<boolean> {
    return actAndSay((words) => this.host.onSay(words), act, done);
  }
}

const KEYS = new Set(["H", "<", ">"]);

/** A cell shows what it was given: its keys say where protocols are. */
export function sayNoHanging({ key, altKey, ctrlKey, metaKey }: KeyboardEvent, say: (words: string) => void): boolean {
  if (!KEYS.has(key) || altKey || ctrlKey || metaKey) return false;
  say("Hanging protocols are in the study's page; here lab.hanging_protocols() has them");
  return true;
}
