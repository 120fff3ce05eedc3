/** Facts in at most three words, as the archive states them (`volumes/badges.py`). */
import { icon, type IconName } from "./icons";

export type BadgeKind = "pass" | "warn" | "fail" | "info" | "none" | "live";

export interface Badge {
  kind: BadgeKind;
  icon: string;
  text: string;
  sentence: string;
}

const ICONS: Record<string, IconName> = {
  pass: "pass", lossy: "warn", tilt: "tilt", duplicate: "duplicate", gap: "gap", layers: "stack", unknown: "unknown", arriving: "arriving", warn: "warn",
};

/** Return a badge's picture. */
export function badgeIcon(badge: Pick<Badge, "icon">): SVGElement {
  return icon(ICONS[badge.icon] ?? "info", "xs");
}
