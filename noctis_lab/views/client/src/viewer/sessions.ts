/** Saved views: a menu that keeps what is in view under a name, lists what was kept, opens and forgets it. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { messageOf, request } from "../ground/transport";
import { actAndSay, REMOVE, sent } from "../ground/writing";
import { Menu } from "./menu";
import type { ViewState } from "./state";

export interface SavedSession {
  item_id: string;
  name: string;
  StudyInstanceUID: string;
  state: ViewState;
  saved_at: string;
}

/** Where sessions are kept: one's own alone. */
export class SessionStore {
  constructor(readonly base = "/api/v1/viewer-sessions") {}

  async list(): Promise<SavedSession[]> {
    return (await (await request(this.base)).json()) as SavedSession[];
  }

  async save(session: Pick<SavedSession, "name" | "StudyInstanceUID" | "state">): Promise<SavedSession> {
    return (await (await request(this.base, sent("POST", session))).json()) as SavedSession;
  }

  async forget(item_id: string): Promise<void> {
    await request(`${this.base}/${encodeURIComponent(item_id)}`, REMOVE);
  }
}

export interface SessionHost {
  readonly state: ViewState;
  openSession(session: SavedSession): void;
  onSay(words: string): void;
}

const LONGEST_NAME = 100;

export class SessionMenu {
  readonly button = el("button", { class: "ib", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "Sessions" }, icon("save"));
  readonly menu: Menu;
  readonly words = { name: "Sessions", hint: "save what is in view, open what was saved" };
  readonly #list = el("div", { class: "saved" });
  readonly #name = el("input", { "aria-label": "Name of the session", placeholder: "Name what is in view", maxlength: LONGEST_NAME });

  constructor(readonly host: SessionHost, readonly StudyInstanceUID: string, readonly store: SessionStore) {
    this.menu = new Menu(this.button, () => this.#fill(), "sessions");
    this.#name.addEventListener("keydown", (event) => {
      if (event.key === "Escape") return;
      if (event.key === "Enter") void this.#save();
      event.stopPropagation(); // what is typed is no key of the viewer's
    });
  }

  #fill(): HTMLElement[] {
    void this.#read();
    return [
      el("div", { class: "row g2 naming" }, el("label", { class: "input s grow" }, this.#name),
        el("button", { class: "btn s item", click: () => void this.#save() }, "Save session")),
      this.#list,
    ];
  }

  async #read(): Promise<void> {
    try {
      const found = await this.store.list();
      this.#list.replaceChildren(...(found.length > 0 ? found.map((session) => this.#item(session))
        : [el("div", { class: "empty" }, "No session is saved. Name what is in view to come back to it.")]));
    } catch (error) {
      this.#list.replaceChildren(el("div", { class: "empty" }, messageOf(error)));
    }
  }

  #item(session: SavedSession): HTMLElement {
    const when = new Date(session.saved_at).toLocaleString("sv-SE", { dateStyle: "short", timeStyle: "short" });
    return el("div", { class: "row" },
      el("button", { role: "menuitem", class: "item grow", click: () => { this.menu.close(); this.host.openSession(session); } },
        el("span", { class: "grow ell" }, session.name), el("span", { class: "t3" }, when)),
      el("button", { class: "ib s item", "aria-label": `Delete session ${session.name}`, click: () => void this.#forget(session) }, icon("close", "s")));
  }

  async #save(): Promise<void> {
    const name = this.#name.value.trim();
    if (name === "") {
      this.#name.focus();
      return;
    }
    if (!(await this.#say(() => this.store.save({ name, StudyInstanceUID: this.StudyInstanceUID, state: this.host.state }), `Saved as ${name}`))) return;
    this.#name.value = "";
    this.menu.close();
  }

  async #forget(session: SavedSession): Promise<void> {
    this.#name.focus(); // the button that had it goes
    await this.#say(() => this.store.forget(session.item_id), `Deleted ${session.name}`);
    await this.#read();
  }

  #say(act: () => Promise<unknown>, done: string): Promise<boolean> {
    return actAndSay((words) => this.host.onSay(words), act, done);
  }
}
