/** New alarms while a page is open: by the archive's stream of events. */
import { type Connection, followHappenings } from "../ground/happenings";

/** The events' name for a scan that passed a limit for the first time. */
export const ALARM = "hu-alarm";

/** What an event of that name tells; `events.HuAlarm` in Python. */
export interface Alarm {
  scanner: string;
  scanner_display: string;
  protocol: string;
  quantity: string;
  rule: string;
  side: string;
}

const RULES: Record<string, string> = { ewma: "EWMA", shewhart: "Shewhart" };
const QUANTITIES: Record<string, string> = {
  intercept_hu: "offset", water_hu: "water", slope: "slope", noise_hu: "noise", periphery_minus_center_hu: "uniformity",
};

const LONGEST_NAME = 64;
const cut = (text: string): string => {
  const letters = [...text];
  return letters.length > LONGEST_NAME ? `${letters.slice(0, LONGEST_NAME - 1).join("")}…` : text;
};

/** Return what happened, in words. Pure. */
export function wordsOf({ scanner_display: scanner, quantity, rule, side }: Alarm): string {
  const name = (Object.hasOwn(QUANTITIES, quantity) ? QUANTITIES[quantity] : undefined) ?? quantity.replace(/^roi:/, "").replaceAll("_", " ");
  const limit = rule === "tolerance" ? "out of tolerance" : `passed its ${(Object.hasOwn(RULES, rule) ? RULES[rule] : undefined) ?? cut(rule)} limit`;
  return `${cut(scanner)}: ${cut(name)} ${limit}, ${side}`;
}

/** Return where an alarm is to be looked at. Pure. */
export const placeOf = ({ scanner, protocol }: Pick<Alarm, "scanner" | "protocol">): string =>
  `/calibration?${new URLSearchParams({ scanner, protocol }).toString()}`;

/** Call back with an alarm's words and its page, and with how it stands with the stream; returns how to stop. */
export function followAlarms(run: (words: string, href: string) => void, connected: (how: Connection) => void): () => void {
  return followHappenings([ALARM], (_, said) => run(wordsOf(said as Alarm), placeOf(said as Alarm)), connected);
}
