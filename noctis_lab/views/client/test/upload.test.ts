import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TransportError } from "../src/ground/transport";
import { bundleOf, crc32 } from "../src/upload/bundle";
import { walk } from "../src/upload/files";
import { nowWords } from "../src/upload/panel";
import { UploadQueue } from "../src/upload/queue";
import { countsOf, csvOf, rowsOf } from "../src/upload/report";
import type { Answer, Outcome, Sending } from "../src/upload/send";

const answerOf = (outcome: Outcome, reason: string | null = null): Answer => ({
  is_zip: false, is_stopped: false, stored: outcome === "stored" ? 1 : 0, same: outcome === "same" ? 1 : 0,
  conflicts: outcome === "conflict" ? 1 : 0, rejected: outcome === "rejected" ? 1 : 0,
  items: [{ outcome, name: "", reason, is_quarantined: outcome === "conflict" }],
});

const chosen = (...names: string[]) => names.map((path) => ({ path, file: new File([new Uint8Array(100)], path) }));

/** A server of this test: each body waits until it is let go. */
class Server {
  readonly asked: string[] = [];
  readonly waiting: { give(answer: Answer): void; refuse(error: Error): void }[] = [];
  readonly sendings: Sending[] = [];
  send = (file: Blob, sending: Sending): Promise<Answer> => {
    const { signal } = sending;
    this.sendings.push(sending);
    this.asked.push((file as File).name ?? "a bundle");
    return new Promise((resolve, reject) => {
      this.waiting.push({ give: resolve, refuse: reject });
      signal.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    });
  };
}

const ALONE = { smallBytes: -1, mostBytes: 0, mostFiles: 1 };
const TOGETHER = { smallBytes: 100, mostBytes: 400, mostFiles: 3 };

const settled = async (): Promise<void> => { for (let turn = 0; turn < 10; turn += 1) await Promise.resolve(); };

let server: Server;
let queue: UploadQueue;

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  queue = new UploadQueue(server.send, () => ({ atOnce: 2, mostBytes: 1000 }), () => undefined, () => Date.now(), ALONE);
});
afterEach(() => vi.useRealTimers());

test("as many go at once as are allowed, and all go in the end", async () => {
  queue.add(chosen("a", "b", "c"), "local");
  expect(server.asked).toEqual(["a", "b"]);
  server.waiting[0]?.give(answerOf("stored"));
  await settled();
  expect(server.asked).toEqual(["a", "b", "c"]);
  for (const each of server.waiting) each.give(answerOf("stored"));
  await settled();
  expect(queue.isRunning).toBe(false);
  expect(queue.progress()).toEqual({ ended: 3, files: 3, sentBytes: 300, allBytes: 300 });
});

test("a server that is away stops the queue, loses nothing, and it goes on from there", async () => {
  queue.add(chosen("a", "b", "c"), "local");
  server.waiting[0]?.refuse(new TransportError("The server does not answer."));
  server.waiting[1]?.refuse(new TransportError("The server does not answer."));
  await settled();
  expect(queue.halted).toBe("The server does not answer.");
  expect([queue.count("waiting"), queue.count("failed")]).toEqual([3, 0]);
  queue.resume();
  expect(server.asked).toEqual(["a", "b", "a", "b"]);
});

test("a full disk and an ended session stop the queue, a file that is refused does not", async () => {
  queue.add(chosen("a", "b", "c"), "local");
  server.waiting[0]?.refuse(new TransportError("Too slow.", 408));
  await settled();
  expect(queue.halted).toBe(null);
  expect(queue.items[0]).toMatchObject({ state: "failed", reason: "Too slow." });
  server.waiting[1]?.refuse(new TransportError("The disk is full.", 507));
  await settled();
  expect(queue.halted).toBe("The disk is full.");
  queue.retry();
  expect(queue.halted).toBe(null);
  expect(queue.items[0]?.state).toBe("sending");
});

test("too many at a time is waited for", async () => {
  queue.add(chosen("a"), "local");
  server.waiting[0]?.refuse(new TransportError("Too many.", 429));
  await settled();
  expect([queue.isRunning, server.asked.length]).toEqual([true, 1]);
  vi.advanceTimersByTime(1000);
  expect(server.asked).toEqual(["a", "a"]);
});

test("cancelling breaks off what goes and leaves out what waits", async () => {
  queue.add(chosen("a", "b", "c"), "local");
  queue.cancel();
  await settled();
  expect([queue.count("cancelled"), queue.isRunning]).toEqual([3, false]);
  expect(server.asked).toEqual(["a", "b"]);
});

test("a file that is too long is not sent at all", () => {
  queue.add([{ path: "big", file: new File([new Uint8Array(1001)], "big") }], "local");
  expect(server.asked).toEqual([]);
  expect(queue.items[0]?.state).toBe("failed");
});

test("a zip is counted, and what was not taken of it is listed", async () => {
  queue.add(chosen("all.zip"), "local");
  server.waiting[0]?.give({
    is_zip: true, is_stopped: false, stored: 40, same: 2, conflicts: 0, rejected: 3,
    items: [{ outcome: "rejected", name: "x/readme.txt", reason: "not DICOM", is_quarantined: false }],
  });
  await settled();
  const rows = queue.items.flatMap(rowsOf);
  expect(countsOf(rows)).toEqual({ failed: 0, stored: 40, same: 2, conflict: 0, rejected: 3 });
  expect(rows[0]).toMatchObject({ path: "all.zip/x/readme.txt", reason: "not DICOM", files: 1 });
});

test("a report is RFC 4180 and computes nothing in a spreadsheet", () => {
  const text = csvOf([{ group: "rejected", path: '=HYPERLINK("x"),1', reason: "two\nlines", files: 1, isQuarantined: true }]);
  expect(text).toBe('file,outcome,files,in quarantine,reason\r\n"\'=HYPERLINK(""x""),1",not taken,1,yes,"two\nlines"\r\n');
});

test("how far a zip is taken in is part of the work, and said in words", async () => {
  queue.add(chosen("all.zip", "IM1"), "local");
  expect(queue.work()).toEqual({ done: 0, all: 300 });
  server.sendings[0]?.progress.sent(100);
  expect(queue.work()).toEqual({ done: 100, all: 300 });
  expect(queue.pace()).toBe(null);
  vi.advanceTimersByTime(1000);
  server.sendings[0]?.progress.taken({ done: 1, found: 4 });
  expect(queue.work()).toEqual({ done: 125, all: 300 });
  expect(queue.pace()).toEqual({ bytesPerS: 0, left_s: 7 });
  expect(nowWords(queue.items[0]!)).toBe("taking in all.zip · 1 / 4 files");
  server.waiting[0]?.give({ ...answerOf("stored"), is_zip: true });
  await settled();
  expect(queue.work()).toEqual({ done: 200, all: 300 });
});

test("small files go together, as many as fit, and each gets its own end", async () => {
  queue = new UploadQueue(server.send, () => ({ atOnce: 1, mostBytes: 1000 }), () => undefined, () => 0, TOGETHER);
  queue.add(chosen("a", "b", "c", "d"), "local");
  await vi.waitFor(() => expect(server.asked).toHaveLength(1));
  expect(server.sendings[0]?.isBundle).toBe(true);
  server.sendings[0]?.progress.sent(150);
  expect(queue.items.map((item) => item.sent)).toEqual([100, 50, 0, 0]);
  server.waiting[0]?.give({
    is_zip: true, is_stopped: true, stored: 1, same: 0, conflicts: 0, rejected: 1, items: [
      { outcome: "rejected", name: "0001", reason: "an empty file", is_quarantined: false },
      { outcome: "stored", name: "0000", reason: null, is_quarantined: false }],
  });
  await vi.waitFor(() => expect(server.asked).toHaveLength(2));
  expect(queue.items.map((item) => item.state)).toEqual(["done", "done", "failed", "sending"]);
  expect(queue.items.flatMap(rowsOf).map((row) => [row.path, row.group])).toEqual([["a", "stored"], ["b", "rejected"], ["c", "failed"]]);
  expect(server.sendings[1]?.isBundle).toBe(false);
});

test("archives and media directories go alone, what cannot be read fails alone", async () => {
  queue = new UploadQueue(server.send, () => ({ atOnce: 1, mostBytes: 1000 }), () => undefined, () => 0, TOGETHER);
  const gone = Object.assign(new File(["x"], "gone"), { arrayBuffer: () => Promise.reject(new Error("gone")) });
  queue.add([{ path: "x.zip", file: new File(["PK\x03\x04"], "x.zip") }, { path: "gone", file: gone }, ...chosen("a")], "local");
  await vi.waitFor(() => expect(server.asked).toEqual(["a bundle"]));
  expect(queue.items.map((item) => item.state)).toEqual(["waiting", "failed", "sending"]);
  server.waiting[0]?.refuse(new TransportError("Too slow.", 408));
  await vi.waitFor(() => expect(server.asked).toEqual(["a bundle", "x.zip"]));
  queue.retry();
  server.waiting[1]?.give(answerOf("stored"));
  await vi.waitFor(() => expect(server.asked).toEqual(["a bundle", "x.zip", "gone"]));
  server.waiting[2]?.give(answerOf("stored"));
  await vi.waitFor(() => expect(server.asked.at(-1)).toBe("a"));
});

test("a bundle stores bytes as they are, under numbers, with their CRC-32", async () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  const { body, inside } = await bundleOf(chosen("SECRET^NAME"));
  const text = String.fromCharCode(...new Uint8Array(await body.arrayBuffer()));
  expect([inside.length, text.includes("SECRET"), text.split("0000").length - 1]).toEqual([1, false, 2]);
  expect(body.size).toBe(30 + 4 + 100 + 46 + 4 + 22);
});

/** Folders as a browser gives them: a hundred entries at a time. */
function folderOf(name: string, entries: FileSystemEntry[]): FileSystemEntry {
  const createReader = () => {
    let at = 0;
    return { readEntries: (give: (some: FileSystemEntry[]) => void) => give(entries.slice(at, (at += 100))) };
  };
  return { name, isFile: false, isDirectory: true, createReader } as unknown as FileSystemEntry;
}

function fileOf(name: string): FileSystemEntry {
  return { name, isFile: true, isDirectory: false, file: (give: (file: File) => void) => give(new File(["x"], name)) } as unknown as FileSystemEntry;
}

test("a folder is walked whole, in the order of names", async () => {
  const many = Array.from({ length: 250 }, (_, index) => fileOf(`IM${String(index).padStart(3, "0")}`));
  const choice = await walk([folderOf("study", [folderOf("b", many), fileOf("a")])], () => undefined, new AbortController().signal);
  expect(choice.files).toHaveLength(251);
  expect(choice.files.slice(0, 2).map(({ path }) => path)).toEqual(["study/a", "study/b/IM000"]);
  expect(choice.isCut).toBe(false);
});

test("a folder deeper than any study is cut, and said to be", async () => {
  let deep = fileOf("x");
  for (let depth = 0; depth < 40; depth += 1) deep = folderOf("d", [deep]);
  const choice = await walk([deep, fileOf("y")], () => undefined, new AbortController().signal);
  expect([choice.files.map(({ path }) => path), choice.isCut]).toEqual([["y"], true]);
});
