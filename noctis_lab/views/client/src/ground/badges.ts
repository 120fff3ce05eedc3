/** Facts in at most three words, as the archive states them (`volumes/badges.py`). */
import { el } from "./dom";
import { icon, type IconName } from "./icons";

export type BadgeKind = "pass" | "warn" | "fail" | "info" | "none" | "live";

export interface Badge {
  kind: BadgeKind;
  icon: string;
  text: string;
  sentence: string;
  /** Of the series whose HU scale it is about: its page says more, where the archive is served. */
  StudyInstanceUID?: string;
  SeriesInstanceUID?: string;
}

const ICONS: Record<string, IconName> = {
  pass: "pass", lossy: "warn", tilt: "tilt", duplicate: "duplicate", gap: "gap", layers: "stack", unknown: "unknown", arriving: "arriving", warn: "warn",
};

/** Return the link to the page that says more of a badge; null where there is none, or no page at all. */
export function moreOf(badge: Pick<Badge, "StudyInstanceUID" | "SeriesInstanceUID">): HTMLElement | null {
  const { StudyInstanceUID: study, SeriesInstanceUID: series } = badge;
  if (!study || !series || document.body.dataset["page"] === undefined) return null;
  const href = `/calibration?${new URLSearchParams({ series, study }).toString()}`;
  return el("a", { class: "more", href }, "Open its calibration");
}

/** Return a badge's picture. */
export function badgeIcon(badge: Pick<Badge, "icon">): SVGElement {
  return icon(ICONS[badge.icon] ?? "info", "xs");
}
