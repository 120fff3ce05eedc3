/** What became of each file, grouped; as CSV, too. */
import type { Item } from "./queue";

export type Group = "failed" | "rejected" | "conflict" | "stored" | "same";

export interface Row {
  group: Group;
  path: string;
  reason: string;
  /** Files that this row stands for: many, where a zip's are only counted. */
  files: number;
  isQuarantined: boolean;
}

/** In the order of what needs a look. */
export const GROUPS: Group[] = ["failed", "rejected", "conflict", "stored", "same"];

export const GROUP_WORDS: Record<Group, string> = {
  failed: "not sent", rejected: "not taken", conflict: "kept aside", stored: "stored", same: "already here",
};

/** What an item's end is, file by file; nothing while it has none. */
export function rowsOf(item: Item): Row[] {
  const row = (group: Group, reason: string, more: Partial<Row> = {}): Row =>
    ({ group, path: item.path, reason, files: 1, isQuarantined: false, ...more });
  if (item.state === "failed" || item.state === "cancelled") return [row("failed", item.reason)];
  const answer = item.answer;
  if (item.state !== "done" || answer === null) return [];
  const rows = answer.items.map((each) => row(each.outcome, each.reason ?? "", {
    path: each.name ? `${item.path}/${each.name}` : item.path, isQuarantined: each.is_quarantined,
  }));
  if (!answer.is_zip) return rows;
  // Of a zip those that were taken are counted, and of the others the first are named.
  const counted: [Group, number][] = [["stored", answer.stored], ["same", answer.same], ["conflict", answer.conflicts], ["rejected", answer.rejected]];
  for (const [group, count] of counted) {
    const rest = count - rows.filter((each) => each.group === group).length;
    const words = group === "stored" || group === "same" ? "" : "and more, which are not listed";
    if (rest > 0) rows.push(row(group, words, { files: rest }));
  }
  if (answer.is_stopped) rows.push(row("failed", "It was broken off: the rest of the zip was left out."));
  return rows;
}

export function countsOf(rows: Row[]): Record<Group, number> {
  const counts: Record<Group, number> = { failed: 0, rejected: 0, conflict: 0, stored: 0, same: 0 };
  for (const row of rows) counts[row.group] += row.files;
  return counts;
}

function cell(text: string): string {
  // A spreadsheet computes what begins so: a file's name must not.
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** The report as RFC 4180 says, one line a row. */
export function csvOf(rows: Row[]): string {
  const lines = rows.map((row) => [row.path, GROUP_WORDS[row.group], String(row.files), row.isQuarantined ? "yes" : "no", row.reason]);
  return [["file", "outcome", "files", "in quarantine", "reason"], ...lines].map((cells) => cells.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** Give a text to the user as a file of their own. */
export function saveText(text: string, name: string, type: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
