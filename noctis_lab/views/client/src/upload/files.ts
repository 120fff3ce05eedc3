/** Files that somebody drops or chooses: folders are walked, within bounds; nothing is read. */

export interface Chosen {
  /** As the user knows it: folders, then the name. For people only. */
  path: string;
  file: File;
}

export interface Choice {
  files: Chosen[];
  /** Folders or files that could not be listed, by their path. */
  unreadable: string[];
  /** There was more than a bound allows: the rest was left out. */
  isCut: boolean;
}

const MOST_FILES = 100_000;
const MOST_DEPTH = 32;

function promised<T>(ask: (give: (value: T) => void, fail: (error: unknown) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => ask(resolve, reject));
}

interface Place {
  entry: FileSystemEntry;
  path: string;
  depth: number;
}

async function listed(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  // A reader gives at most a hundred at a time; none means that it is over.
  for (;;) {
    const some = await promised<FileSystemEntry[]>((give, fail) => reader.readEntries(give, fail));
    if (some.length === 0 || all.length > MOST_FILES) return all.sort((a, b) => (a.name < b.name ? -1 : 1));
    all.push(...some);
  }
}

/** Walk what was dropped. Called within the drop's own event: later its entries are gone. */
export function filesOfDrop(transfer: DataTransfer, found: (count: number) => void, signal: AbortSignal): Promise<Choice> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files = [...transfer.files];
  if (entries.length === 0) return Promise.resolve(choiceOf(files));
  return walk(entries, found, signal);
}

export async function walk(entries: FileSystemEntry[], found: (count: number) => void, signal: AbortSignal): Promise<Choice> {
  const choice: Choice = { files: [], unreadable: [], isCut: false };
  const waiting: Place[] = entries.map((entry) => ({ entry, path: entry.name, depth: 0 })).reverse();
  for (let place = waiting.pop(); place; place = waiting.pop()) {
    signal.throwIfAborted();
    const { entry, path, depth } = place;
    if (choice.files.length >= MOST_FILES || depth > MOST_DEPTH) {
      choice.isCut = true;
      if (choice.files.length >= MOST_FILES) break;
      continue;
    }
    try {
      if (entry.isDirectory) {
        const below = await listed(entry as FileSystemDirectoryEntry);
        waiting.push(...below.map((each) => ({ entry: each, path: `${path}/${each.name}`, depth: depth + 1 })).reverse());
      } else {
        const file = await promised<File>((give, fail) => (entry as FileSystemFileEntry).file(give, fail));
        choice.files.push({ path, file });
        if (choice.files.length % 50 === 0) found(choice.files.length);
      }
    } catch {
      choice.unreadable.push(path);
    }
  }
  return choice;
}

/** What a file input gives; of a folder, with the paths below it. */
export function choiceOf(files: Iterable<File>): Choice {
  const all = [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  return { files: all.slice(0, MOST_FILES), unreadable: [], isCut: all.length > MOST_FILES };
}
