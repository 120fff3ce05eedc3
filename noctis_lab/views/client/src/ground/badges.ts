/** Facts in at most three words, as the archive states them (`volumes/badges.py`). */
import { el } from "./dom";
import { icon, type IconName } from "./icons";

export type BadgeKind = "pass" | "warn" | "fail" | "info" | "none" | "live";

export interface Badge {
  kind: BadgeKind;
  icon: string;
  text: string;
  sentence: string;
  /** The page that says more; only where the archive is served. */
  href?: string;
}

const ICONS: Record<string, IconName> = {
  pass: "pass", lossy: "warn", tilt: "tilt", duplicate: "duplicate", gap: "gap", layers: "stack", unknown: "unknown", arriving: "arriving", warn: "warn",
};

/** Return the link to the page that says more of a badge; null where there is none, or no page at all. */
export const moreOf = ({ href }: Pick<Badge, "href">): HTMLElement | null =>
  (href && document.body.dataset["page"] !== undefined ? el("a", { class: "more", href }, "Open its calibration") : null);

/** Return a badge's picture. */
export function badgeIcon(badge: Pick<Badge, "icon">): SVGElement {
  return icon(ICONS[badge.icon] ?? "info", "xs");
}
