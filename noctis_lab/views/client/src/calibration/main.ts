/** The calibration pages that Panel renders: what Python tells, with its figures and the viewer in their places. */
import baseCss from "../ground/base.css";
import { adoptStyles, el } from "../ground/dom";
import type { Connection } from "../ground/happenings";
import tokensCss from "../ground/tokens.css";
import { request, signInAddress } from "../ground/transport";
import { sent } from "../ground/writing";
import { type PutRegion, REGION_EVENT } from "../measure/regions";
import { Toast } from "../measure/toast";
import { followTheme } from "../viewer/theme";
import css from "./calibration.css";
import { openForm, postOf } from "./forms";
import { followAlarms } from "./alarms";
import { pageOf } from "./pages";
import { type InkedModel, onPoint, paint } from "./paint";
import type { Doing } from "./parts";
import { Placing } from "./placing";
import type { Action, Told } from "./told";

interface Answer {
  number?: number;
  /** Why it was not done; empty: it was. */
  problem?: string;
}

/** Panel's model: what `CalibrationPage` holds. */
interface PageModel {
  told: Told;
  answer: Answer;
  /** Path of the API; empty where there is none. */
  api_base: string;
  late: Record<string, { subtitle: string; none: string }>;
  viewer: object | null;
  get_child(name: string): HTMLElement | HTMLElement[];
  send_msg(message: unknown): void;
  on(name: string, run: () => void): void;
}

interface RenderArguments {
  model: PageModel;
  data: { figures: InkedModel[] };
}

const FORM_WAITS_MS = 120_000;

class Page {
  readonly host = el("div", { class: "noctis-calibration" });
  readonly #root: HTMLElement;
  readonly #toast = new Toast();
  readonly #ends: (() => void)[] = [];
  /** Of a scan. */
  readonly #placing: Placing | null;
  #asked = 0;
  readonly #waiting = new Map<number, (answer: Answer) => void>();

  constructor(readonly model: PageModel, readonly data: RenderArguments["data"]) {
    const { told } = model;
    const shadow = this.host.attachShadow({ mode: "open" });
    adoptStyles(shadow, tokensCss, baseCss, css);
    this.#root = el("div", { class: `nl calibration ${told.page}` });
    shadow.append(this.#root);
    this.#ends.push(followTheme(this.#root));
    this.#placing = told.page === "scan" && told.empty === null ? new Placing(told.placed, () => this.#doing.form({ label: "", form: "analyse" })) : null;
    this.#root.addEventListener(REGION_EVENT, (event) => this.#placing?.hear((event as CustomEvent<PutRegion>).detail));
    const drawn = model.get_child("figures");
    this.#root.append(...pageOf(told, {
      figures: Array.isArray(drawn) ? drawn : [drawn], viewer: model.viewer ? model.get_child("viewer") as HTMLElement : null,
      doing: this.#doing, placing: this.#placing?.element ?? null, plane: (index) => model.send_msg({ kind: "plane", index }),
    }), this.#toast.element);
    const themes = new MutationObserver(() => this.paint());
    themes.observe(this.#root, { attributes: true, attributeFilter: ["data-theme"] });
    this.#ends.push(() => themes.disconnect());
    this.#follow(told);
  }

  readonly #doing: Doing = {
    form: (action) => this.#openForm(action),
    say: (words) => this.#toast.show(words, "Close", () => undefined),
  };

  #openForm(asked: Action): void {
    const { told } = this.model;
    const isPlaced = asked.form === "analyse" && this.#placing !== null;
    const action = isPlaced ? { ...asked, about: { ...asked.about, ...this.#placing?.said } } : asked;
    const lists = "choices" in told ? told.choices : {};
    openForm(this.#root, action, lists, (said) => this.#send(action, said), isPlaced ? this.#placing?.words : "");
  }

  #follow(told: Told): void {
    if (told.page === "plots") return;
    const { figures } = this.data;
    onPoint(figures, "href", (href) => location.assign(href));
    onPoint(figures, "plane", (index) => this.model.send_msg({ kind: "plane", index: Number(index) }));
    for (const slot of figures) slot.properties["children"]?.change.connect(() => this.paint());
    document.addEventListener("keydown", this.#onKey);
    this.#ends.push(() => document.removeEventListener("keydown", this.#onKey));
    this.#ends.push(followAlarms(
      (words, href) => this.#toast.show(words, "Open", () => location.assign(href)),
      (how) => this.#connected(how)));
  }

  /** A line that broke comes back by itself; who is signed out has to know that nothing is told any more. */
  #connected(how: Connection): void {
    if (how === "signed-out") this.#toast.stay("You are signed out: new alarms are not told here.", "Sign in", () => location.assign(signInAddress()));
    else if (how === "live") this.#toast.release();
  }

  async #send(action: Action, said: Record<string, string>): Promise<void> {
    const { api_base: base } = this.model;
    const posted = base === "" ? null : postOf(action.form, said);
    if (posted) await request(`${base}/calibration/${posted.path}`, sent("POST", posted.body));
    else await this.#ask(action, said);
    location.reload(); // the charts are others now
  }

  /** Let Python do it, and wait for what became of it. */
  #ask(action: Action, said: Record<string, string>): Promise<void> {
    const number = ++this.#asked;
    this.model.send_msg({ kind: action.form, number, said });
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => this.#waiting.get(number)?.({ problem: "The archive does not answer; reload the page to see whether it was done." }), FORM_WAITS_MS);
      this.#waiting.set(number, ({ problem = "" }) => {
        clearTimeout(timer);
        this.#waiting.delete(number);
        if (problem === "") resolve();
        else reject(new Error(problem));
      });
    });
  }

  heard({ number, ...answer }: Answer): void {
    if (number !== undefined) this.#waiting.get(number)?.(answer);
  }

  /** What panels say once their figures are there. */
  showLate(): void {
    const panels = this.#root.querySelectorAll(".sm > .bx:not(.img)");
    for (const [place, { subtitle, none }] of Object.entries(this.model.late)) {
      const panel = panels[Number(place)];
      panel?.querySelector(".t small")?.replaceChildren(subtitle);
      panel?.querySelector(".none")?.replaceChildren(none);
    }
    this.paint();
  }

  paint(): void {
    paint(this.data.figures, this.#root);
  }

  /** ← and →: the scan before and after; the viewer keeps its own keys while it has the focus. */
  readonly #onKey = (event: KeyboardEvent): void => {
    const { told } = this.model;
    if (told.page !== "scan" || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const isTyping = event.composedPath().some((node) => node instanceof HTMLElement && (/^(INPUT|SELECT|TEXTAREA|DIALOG)$/.test(node.tagName) || node.classList.contains("noctis-viewer")));
    const href = event.key === "ArrowLeft" ? told.previous : event.key === "ArrowRight" ? told.next : "";
    if (!isTyping && href !== "") location.assign(href);
  };

  close(): void {
    for (const end of this.#ends) end();
  }
}

function render({ model, data }: RenderArguments): HTMLElement {
  const page = new Page(model, data);
  page.host.style.cssText = "display:block;position:relative;width:100%;height:100%";
  page.paint();
  if (Object.keys(model.late).length > 0) page.showLate();
  model.on("late", () => page.showLate());
  model.on("answer", () => page.heard(model.answer));
  model.on("after_render", () => page.paint());
  model.on("remove", () => page.close());
  return page.host;
}

export default { render };
