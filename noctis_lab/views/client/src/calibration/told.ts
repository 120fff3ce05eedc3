/** What Python tells of a page: words that are ready to be shown. Mirrors `views/calibration/told.py`. */
import type { BadgeKind } from "../ground/badges";
import type { IconName } from "../ground/icons";

export interface ToldBadge {
  kind: BadgeKind;
  icon: IconName;
  text: string;
}

/** What a button does: opens an address, or asks for a form, or copies words. */
export interface Action {
  label: string;
  icon?: IconName;
  href?: string;
  /** One of the forms of `forms.ts`. */
  form?: FormName;
  /** What the form sends beside what is filled in. */
  about?: Record<string, string>;
  copied?: string;
  isPrimary?: boolean;
  isQuiet?: boolean;
}

export type FormName = "event" | "baseline" | "acknowledge" | "analyse";

export interface Choice {
  label: string;
  href: string;
  isOn: boolean;
}

export interface Card {
  title: string;
  subtitle: string;
  value: string;
  note: string;
  badge: ToldBadge | null;
  href: string;
  isMarked: boolean;
}

export interface Table {
  title: string;
  columns: readonly { name: string; isNumber: boolean; isNarrow?: boolean }[];
  rows: readonly { cells: readonly (string | ToldBadge)[]; href: string }[];
  /** Stands in place of rows where there are none. */
  none: string;
  more: string;
}

export interface Need {
  badge: ToldBadge;
  title: string;
  text: string;
  actions: readonly Action[];
}

export interface Head {
  title: string;
  subtitle: string;
  back: string;
  chips: readonly (readonly [string, string])[];
  choices: readonly (readonly Choice[])[];
  actions: readonly Action[];
}

export interface Empty {
  title: string;
  text: string;
  code: string;
  actions: readonly Action[];
}

/** What a form offers: words, or what is sent and the words for it. */
export type Offer = string | readonly [string, string];

interface Common {
  head: Head;
  status: readonly string[];
  hint: string;
  empty: Empty | null;
  /** Of kinds of events, of phantoms, of charts: what forms choose from. */
  choices: Record<string, readonly Offer[]>;
}

export interface FleetTold extends Common {
  page: "fleet";
  cards: readonly Card[];
  tolerance: string;
  more: readonly Action[];
  table: Table;
  needs: readonly Need[];
}

export interface ScannerTold extends Common {
  page: "scanner";
  cards: readonly Card[];
  tolerance: string;
  tables: readonly Table[];
  needs: readonly Need[];
}

export interface Verdict {
  kind: BadgeKind;
  icon: IconName;
  title: string;
  text: string;
  meaning: string;
  advice: string;
  actions: readonly Action[];
}

export interface Panel {
  title: string;
  subtitle: string;
  badge: ToldBadge | null;
  /** Places among the page's figures, side by side or below one another. */
  plots: readonly number[];
  isStacked: boolean;
  /** Why there is none. */
  none: string;
}

/** Where a region is measured: mm, patient LPS. */
export interface Placed {
  x_mm: number;
  y_mm: number;
  z_mm: number;
  radius_mm: number;
}

export interface ScanTold extends Common {
  page: "scan";
  /** Regions that the analysis which is shown has by hand, by their materials. */
  placed: Readonly<Record<string, Placed>>;
  /** What is said of the regions over the images. */
  regionWords: string;
  verdict: Verdict;
  modules: readonly { name: string; index: number; words: string }[];
  panels: readonly Panel[];
  inserts: Table;
  notes: readonly string[];
  foot: string;
  previous: string;
  next: string;
}

export interface CompareTold extends Common {
  page: "compare";
  panels: readonly Panel[];
  verdict: Verdict;
  tables: readonly Table[];
}

/** What is recorded, and what there is: tables alone. */
export interface TablesTold extends Common {
  page: "tables";
  tables: readonly Table[];
}

export interface PlotsTold {
  page: "plots";
  titles: readonly string[];
}

export type Told = FleetTold | ScannerTold | ScanTold | CompareTold | TablesTold | PlotsTold;
