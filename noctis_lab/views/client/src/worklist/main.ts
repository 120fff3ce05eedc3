/** The worklist: search, table, arrivals. Panel renders it through `render`; it needs no Panel itself. */
import baseCss from "../ground/base.css";
import { adoptStyles, el } from "../ground/dom";
import type { Connection } from "../ground/happenings";
import { icon } from "../ground/icons";
import { formatBytes, formatNumber } from "../ground/numbers";
import tokensCss from "../ground/tokens.css";
import { Toast } from "../measure/toast";
import { signInAddress } from "../ground/transport";
import { takeDrops } from "../upload/drop";
import { UploadPanel } from "../upload/panel";
import uploadCss from "../upload/upload.css";
import { followTheme } from "../viewer/theme";
import { type Facets, type Filters, type Happening, HttpSource, type Query, type SearchAnswer, type Source, type Status } from "./api";
import type { ComponentModel } from "../viewer/channel";
import { Arrivals } from "./arrivals";
import { ChannelSource } from "./channel";
import { placeOf, wordsOf } from "../calibration/alarms";
import { AdminCorner } from "./corner";
import { findingsOf, firstRunOf, noticeOf } from "./empty";
import { FacetColumn } from "./facets";
import { Refresher, WindowRequests } from "./pacing";
import { copyButton, key } from "./parts";
import { fromFragment, isNarrowed, nextSort, pythonOf, toFragment } from "./query";
import { Table, WINDOW_ROWS } from "./table";
import { tokensOf } from "./words";
import css from "./worklist.css";

const TYPING_MS = 120;
const LIVE_MS = 250;
const SCROLLING_MS = 80;
const TICK_MS = 5000;
const ARRIVALS: Query = { text: "", filters: { modalities: [], facilities: [], received_days: null }, sort: "-last_received_at" };

const KEYS: [string[], string][] = [
  [["↑", "↓"], "select a study"], [["→", "←"], "unfold, its series, fold"], [["↵"], "open in the viewer"],
  [["Home", "End"], "first, last"], [["/"], "search"], [["Esc"], "close, clear the search"], [["?"], "these keys"],
];
const UPLOAD_KEYS: [string[], string][] = [[["u"], "choose files to bring in"]];

export interface WorklistOptions {
  source: Source;
  isAdmin: boolean;
  /** Whether files may be uploaded here. */
  canUpload: boolean;
  /** Whether there is an API behind the page. */
  isServed: boolean;
  /** Address of the viewer, in which "{study}" and "{series}" stand for UIDs. */
  viewerAddress: string;
}

class Worklist {
  private query: Query = fromFragment(location.hash);
  private readonly input = el("input", {
    type: "search", placeholder: "Name, ID, accession number, description, physician or date", "aria-label": "Search studies", maxlength: 200,
    autocomplete: "off", spellcheck: "false",
  });
  private readonly chips = el("span", { class: "chips row g1" });
  private readonly sqlText = el("span", { class: "code" });
  private archiveRoot: string | null = null;
  private readonly count = el("span", { class: "f12 nowrap", role: "status" });
  private readonly offline = el("span", { class: "offline", hidden: true }, el("span", { class: "dot fail" }), "Not connected; trying again");
  private readonly archive = el("span", { class: "row g4" });
  private readonly table: Table;
  private readonly facets: FacetColumn;
  private readonly arrivals: Arrivals;
  private readonly corner: AdminCorner | null;
  private readonly upload: UploadPanel | null;
  private readonly middle = el("div", { class: "middle" });
  private readonly root: HTMLElement;
  private readonly keys: HTMLElement;
  private readonly toast = new Toast();
  private sql = "";
  private searching: AbortController | null = null;
  private typing = 0;
  private changed = new Set<string>();
  private readonly refresher = new Refresher(() => this.refresh(), LIVE_MS);
  private readonly windows = new WindowRequests((window, signal) => this.fetchWindow(window, false, signal), SCROLLING_MS);
  private isEmptyArchive = false;
  private lastFacets: Facets = { modalities: {}, facilities: {} };
  private readonly ends: (() => void)[] = [];

  private readonly source: Source;

  constructor(private readonly options: WorklistOptions) {
    this.source = options.source;
    this.table = new Table(this.source, {
      sort: (column) => this.ask({ ...this.query, sort: nextSort(this.query.sort, column) }),
      need: (missing) => this.windows.need(missing),
      open: (study, series) => this.open(study, series),
      unfold: (study) => this.source.series(study),
      root: () => this.archiveRoot,
    });
    this.facets = new FacetColumn((filters) => this.ask({ ...this.query, filters }));
    this.arrivals = new Arrivals(this.source, { open: (study) => this.open(study, null), paused: (isPaused) => this.refresher.pause(isPaused) });
    this.corner = options.isAdmin ? new AdminCorner(this.source) : null;
    this.upload = options.canUpload ? new UploadPanel({ isPage: false }) : null;
    this.keys = this.keysPopover();
    this.root = this.layout();
    this.input.value = this.query.text;
  }

  mount(host: HTMLElement): () => void {
    this.root.append(this.toast.element);
    host.append(this.root);
    this.ends.push(followTheme(this.root));
    const { upload } = this;
    if (upload) this.ends.push(takeDrops(this.root, (transfer) => upload.drop(transfer)));
    this.listen();
    this.search();
    void this.loadArrivals();
    void this.loadStatus();
    return () => {
      for (const end of this.ends) end();
      this.root.remove();
    };
  }

  private layout(): HTMLElement {
    const filtersButton = el("button", { type: "button", class: "btn filters", "aria-expanded": "false" }, icon("filter"), "Filters");
    const root = el("div", { class: "nl wlroot" },
      el("div", { class: "wl" },
        this.facets.element,
        el("section", { class: "main", "aria-label": "Worklist" },
          el("div", { class: "q row g3" },
            el("label", { class: "input grow" }, icon("search"), this.chips, this.input, key("/")), filtersButton),
          el("div", { class: "sql" }, icon("database", "s"), this.sqlText, this.count,
            copyButton("Copy SQL", () => this.sql, { class: "lnk" }),
            copyButton("Copy as Python", () => pythonOf(this.sql, this.archiveRoot), { class: "lnk" }, "code")),
          this.middle),
        this.arrivals.element),
      el("footer", { class: "status" },
        ...this.hints(), el("span", { class: "grow" }), this.offline, this.archive),
      this.keys, this.upload?.element ?? "");
    if (this.upload) this.arrivals.hold(this.dropHint(this.upload), "below");
    this.middle.append(this.table.element);
    const showFilters = (isShown: boolean): void => {
      root.classList.toggle("filtering", isShown);
      filtersButton.setAttribute("aria-expanded", String(isShown));
    };
    filtersButton.addEventListener("click", () => showFilters(!root.classList.contains("filtering")));
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && root.classList.contains("filtering")) {
        showFilters(false);
        filtersButton.focus();
        event.stopPropagation();
      }
    });
    this.middle.addEventListener("pointerdown", () => showFilters(false));
    return root;
  }

  private dropHint(upload: UploadPanel): HTMLElement {
    return el("button", { type: "button", class: "drophint", title: "Or choose them (u)", click: () => { void upload.open(); } },
      icon("drop"), el("span", { class: "col" }, el("span", { class: "m" }, "Drop files anywhere"), el("span", { class: "f12 t2" }, "Stored as they come, never altered")));
  }

  private hints(): HTMLElement[] {
    const hints: [string[], string][] = [[["↑", "↓"], "select"], [["→"], "unfold"], [["↵"], "open"], [["/"], "search"], [["?"], "all keys"]];
    return hints.map(([keys, words]) => el("span", { class: `row g2 hint ${words === "all keys" ? "help" : ""}` }, ...keys.map(key), words));
  }

  private keysPopover(): HTMLElement {
    return el("div", { class: "pop keys", popover: "auto", role: "dialog", "aria-label": "Keys" },
      el("div", { class: "b" }, "Keys"),
      ...[...KEYS, ...(this.options.canUpload ? UPLOAD_KEYS : [])].map(([keys, words]) => el("div", { class: "row g2" }, el("span", { class: "row g1 ks" }, ...keys.map(key)), words)));
  }

  private listen(): void {
    const on = <T extends EventTarget>(target: T, name: string, act: (event: Event) => void): void => {
      target.addEventListener(name, act);
      this.ends.push(() => target.removeEventListener(name, act));
    };
    this.input.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = window.setTimeout(() => this.ask({ ...this.query, text: this.input.value.trim() }), TYPING_MS);
    });
    this.input.addEventListener("keydown", (event) => this.onSearchKey(event));
    on(document, "keydown", (event) => this.onPageKey(event as KeyboardEvent));
    on(window, "hashchange", () => {
      this.query = fromFragment(location.hash);
      this.input.value = this.query.text;
      this.search();
    });
    this.ends.push(this.source.follow((what) => this.happened(what), (how) => this.connected(how)));
    const tick = setInterval(() => this.tick(), TICK_MS);
    const rate = setInterval(() => this.arrivals.drawRate(), 1000);
    this.ends.push(() => { clearInterval(tick); clearInterval(rate); this.refresher.close(); this.windows.clear(); });
  }

  private onSearchKey(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.input.value !== "") {
      this.input.value = "";
      this.ask({ ...this.query, text: "" });
    } else if (event.key === "ArrowDown" || event.key === "Escape" || event.key === "Enter") {
      this.table.focus();
    } else {
      return;
    }
    event.preventDefault();
  }

  private onPageKey(event: KeyboardEvent): void {
    const target = event.composedPath()[0];
    const isTyping = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") this.input.focus();
    else if (event.key === "?") this.keys.togglePopover();
    else if (event.key === "u" && this.upload) void this.upload.open();
    else if (event.key === "ArrowDown" && target === document.body) this.table.focus();
    else return;
    event.preventDefault();
  }

  private ask(query: Query): void {
    this.query = query;
    const fragment = toFragment(query);
    history.replaceState(null, "", fragment ? `#${fragment}` : location.pathname);
    this.search();
  }

  private open(study: string, series: string | null): void {
    const address = this.options.viewerAddress
      .replace("{study}", encodeURIComponent(study)).replace("{series}", encodeURIComponent(series ?? ""));
    location.assign(address.replace(/[?&]series=$/, ""));
  }

  private search(): void {
    this.searching?.abort();
    this.windows.clear();
    this.searching = new AbortController();
    this.drawChips();
    void this.fetchFirst(this.searching.signal);
    void this.loadFacets(this.searching.signal);
  }

  private async fetchFirst(signal: AbortSignal): Promise<void> {
    try {
      const answer = await this.source.search(this.query, 0, WINDOW_ROWS, signal);
      this.table.reset(this.query.sort);
      this.take(0, answer, false);
    } catch (error) {
      if (!signal.aborted) this.fail(error);
    }
  }

  private async fetchWindow(window: number, isLive: boolean, signal = this.searching?.signal): Promise<void> {
    try {
      const answer = await this.source.search(this.query, window * WINDOW_ROWS, WINDOW_ROWS, signal);
      if (!signal?.aborted) this.take(window, answer, isLive);
    } catch (error) {
      if (!signal?.aborted) this.fail(error);
    }
  }

  private take(window: number, answer: SearchAnswer, isLive: boolean): void {
    this.sql = answer.sql.replace(/\s+LIMIT \d+(?: OFFSET \d+)?\s*$/, "");
    this.sqlText.replaceChildren(...tokensOf(this.sql.replace(/\s+/g, " ")).map(([kind, text]) =>
      kind === "" ? document.createTextNode(text) : el("span", { class: { keyword: "kw", text: "st", number: "nu" }[kind] }, text)));
    this.sqlText.title = this.sql;
    this.count.replaceChildren(el("span", { class: "t1 m" }, formatNumber(answer.total, 0)), answer.total === 1 ? " study " : " studies ",
      el("span", { class: "t3" }, `in ${formatNumber(answer.elapsed_ms, answer.elapsed_ms < 10 ? 1 : 0)} ms`));
    this.table.take(window, answer.studies, answer.total, new Date(answer.now), answer.quiet_s, isLive);
    if (answer.total > 0) this.show(this.table.element);
    else if (isNarrowed(this.query)) {
      this.show(noticeOf("Nothing matches", "No study that you may see fits this search and these filters.", "Clear the search", () => {
        this.input.value = "";
        this.ask({ ...ARRIVALS, sort: this.query.sort });
      }));
    } else void this.showFirstRun();
  }

  private fail(error: unknown): void {
    const words = error instanceof Error ? error.message : "The worklist could not be read.";
    this.show(noticeOf("The worklist could not be read", words, "Try again", () => this.search()));
  }

  private show(element: HTMLElement): void {
    this.isEmptyArchive = false;
    this.root.classList.remove("empty");
    if (this.corner) this.arrivals.hold(this.corner.element, "above");
    if (this.middle.firstElementChild !== element) this.middle.replaceChildren(element);
  }

  private async showFirstRun(): Promise<void> {
    if (this.isEmptyArchive) return;
    this.isEmptyArchive = true;
    try {
      const { isAdmin, isServed } = this.options;
      const [status, findings] = await Promise.all([this.source.status(), findingsOf(this.source, isAdmin)]);
      if (!this.isEmptyArchive) return;
      const corner = this.corner?.element ?? null;
      this.middle.replaceChildren(firstRunOf({ source: this.source, status, findings, isAdmin, isServed, upload: this.upload, corner }));
      this.root.classList.add("empty");
    } catch (error) {
      this.fail(error);
    }
  }

  private drawChips(): void {
    const { received_days, modalities, facilities } = this.query.filters;
    const chip = (name: string, value: string, without: Partial<Filters>): HTMLElement =>
      el("span", { class: "chip" }, el("span", { class: "k" }, name), value,
        el("button", { type: "button", class: "x", "aria-label": `Remove ${name} ${value}`,
          click: () => this.ask({ ...this.query, filters: { ...this.query.filters, ...without } }) }, icon("close", "xs")));
    this.chips.replaceChildren(
      ...(received_days === null ? [] : [chip("arrived", received_days === 1 ? "last 24 hours" : `last ${received_days} days`, { received_days: null })]),
      ...modalities.map((m) => chip("modality", m, { modalities: modalities.filter((each) => each !== m) })),
      ...facilities.map((f) => chip("facility", f, { facilities: facilities.filter((each) => each !== f) })));
    this.facets.draw(this.query.filters, this.lastFacets);
  }

  private async loadFacets(signal?: AbortSignal): Promise<void> {
    try {
      this.lastFacets = await this.source.facets(this.query, signal);
    } catch {
      return;
    }
    this.facets.draw(this.query.filters, this.lastFacets);
  }

  private async loadArrivals(): Promise<void> {
    try {
      const answer = await this.source.search(ARRIVALS, 0, 20);
      this.arrivals.take(answer.studies, new Date(answer.now), answer.quiet_s);
    } catch {
      // the table says what is wrong
    }
  }

  private async loadStatus(): Promise<void> {
    try {
      this.showStatus(await this.source.status());
    } catch {
      // the bar at the top says that the server is away
    }
  }

  private showStatus(status: Status): void {
    this.archiveRoot = status.root;
    this.corner?.of(status.root);
    this.archive.replaceChildren(
      el("span", { class: "wide" }, "Archive ", el("b", {}, status.studies === 0 ? "empty" : `${formatNumber(status.studies, 0)} ${status.studies === 1 ? "study" : "studies"}`)),
      ...(status.series === null || status.instances === null || status.studies === 0 ? [] : [
        el("span", { class: "wide" }, el("b", {}, formatNumber(status.series, 0)), " series"),
        el("span", { class: "wide" }, el("b", {}, formatNumber(status.instances, 0)), " images")]),
      el("span", {}, !status.stored_bytes ? null : el("b", {}, formatBytes(status.stored_bytes)),
        `${status.stored_bytes ? " · " : ""}${formatBytes(status.free_bytes)} free`));
  }

  private happened(what: Happening): void {
    this.arrivals.happened(what);
    this.corner?.happened(what);
    const { alarm } = what;
    if (alarm) this.toast.show(wordsOf(alarm), "Open", () => location.assign(placeOf(alarm)));
    if (what.StudyInstanceUID) this.changed.add(what.StudyInstanceUID);
    if (["instance-stored", "series-summarised", "missed"].includes(what.kind)) this.refresher.ask();
  }

  private async refresh(): Promise<void> {
    const changed = [...this.changed];
    this.changed.clear();
    this.table.forgetHidden();
    // Each part shows its own failure; none may keep the next refresh from coming.
    await Promise.allSettled([
      ...this.table.visibleWindows().map((window) => this.fetchWindow(window, true)),
      ...changed.map((uid) => this.table.refreshSeries(uid)),
      this.loadArrivals(), this.loadStatus(), this.loadFacets(),
    ]);
  }

  private connected(how: Connection): void {
    const isConnected = how === "live";
    this.offline.hidden = isConnected;
    this.offline.lastChild?.replaceWith(
      how === "signed-out" ? el("a", { href: signInAddress() }, "Signed out: sign in again") : "Not connected; trying again");
    // The first time too: what arrived between the page's own queries and now was told to nobody.
    if (!isConnected) return;
    this.refresher.ask();
    this.corner?.happened({ kind: "missed", StudyInstanceUID: null, SeriesInstanceUID: null, instance_count: 0 });
  }

  private tick(): void {
    if (document.hidden) return;
    this.table.tick();
    this.corner?.look();
    void this.loadArrivals();
  }
}

/** Show the worklist in an element; the function returned takes it away again. */
export function mountWorklist(host: HTMLElement, options: WorklistOptions): () => void {
  const root = host.getRootNode();
  if (root instanceof ShadowRoot || root instanceof Document) adoptStyles(root, tokensCss, baseCss, css, uploadCss);
  return new Worklist(options).mount(host);
}

interface Model extends ComponentModel {
  is_admin: boolean;
  can_upload: boolean;
  is_served: boolean;
  viewer_address: string;
}

/** What Panel calls. */
export function render({ model, el: host }: { model: Model; el: HTMLElement }): void {
  const end = mountWorklist(host, {
    source: model.is_served ? new HttpSource() : new ChannelSource(model),
    isAdmin: model.is_admin && model.is_served, canUpload: model.can_upload && model.is_served, isServed: model.is_served, viewerAddress: model.viewer_address,
  });
  model.on("remove", end as (event: never) => void);
}

export default { render };
