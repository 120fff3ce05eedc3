/** Instants and SQL as people read them. */

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (value: number): string => String(value).padStart(2, "0");

/** Write when something arrived: "now", "09:41" today, "Sun 18:30" within a week, then a date. */
export function formatArrival(at: Date, now: Date): string {
  const age_s = (now.getTime() - at.getTime()) / 1000;
  if (age_s < 20) return "now";
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === now.toDateString()) return clock;
  if (age_s < 6 * 86_400) return `${DAYS[at.getDay()]} ${clock}`;
  const day = `${at.getDate()} ${MONTHS[at.getMonth()]}`;
  return at.getFullYear() === now.getFullYear() ? day : `${day} ${at.getFullYear()}`;
}

/** Write a count with its noun: "1 image", "62 images". */
export function formatCount(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun === "series" || noun === "study" ? (noun === "study" ? "studies" : noun) : `${noun}s`}`;
}

export type SqlKind = "keyword" | "text" | "number" | "";

const TOKEN = /('(?:[^']|'')*')|\b(select|from|where|and|or|not|in|like|ilike|order|by|desc|asc|limit|offset|interval|group|having|join|on|as|is|null|exists|contains|list_contains|list_has_any|nulls|last|first|between)\b|(\b\d+(?:\.\d+)?\b)/gi;

/** Split SQL into pieces to be coloured; joined again they are the same text. */
export function tokensOf(sql: string): [SqlKind, string][] {
  const tokens: [SqlKind, string][] = [];
  let end = 0;
  for (const match of sql.matchAll(TOKEN)) {
    if (match.index > end) tokens.push(["", sql.slice(end, match.index)]);
    tokens.push([match[1] !== undefined ? "text" : match[2] !== undefined ? "keyword" : "number", match[0]]);
    end = match.index + match[0].length;
  }
  if (end < sql.length) tokens.push(["", sql.slice(end)]);
  return tokens;
}
