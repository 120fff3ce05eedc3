/** The bytes that all panes share, and the requests: nine panes take no more than one. */
import { DEFAULT_LIMITS, type FrameLimits } from "./frames";
import type { Pane } from "./pane";

/** A stack keeps at least so much of its share, whatever volumes claim. */
const LEAST_PART = 1 / 8;

/** Give each stack its part of what volumes leave, and let go of what is too much. */
export function shareOut(panes: readonly Pane[], limits: FrameLimits): void {
  const claims = new Map(panes.flatMap(({ claim }) => (claim ? [[claim.owner, claim.bytes] as const] : [])));
  const claimed = [...claims.values()].reduce((sum, bytes) => sum + bytes, 0);
  const stacks = Math.max(panes.filter((pane) => pane.kind === "stack").length, 1);
  const { keptBytes, requests } = DEFAULT_LIMITS;
  limits.keptBytes = Math.max(keptBytes - claimed, keptBytes * LEAST_PART) / stacks;
  limits.requests = Math.max(1, Math.ceil(requests / panes.length));
  for (const pane of panes) pane.fitMemory?.();
}
