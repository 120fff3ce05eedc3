/** Window presets that a reader named, kept by this browser for this address; of one modality each. */
import { sameWindow, type Window } from "./state";
import { makeWindow } from "./windowing";

export interface OwnPreset {
  name: string;
  modality: string;
  window: Window;
}

export const LONGEST_NAME = 40;
export const MOST_PRESETS = 64;
const KEY = "noctis.window-presets";

type Shelf = Pick<Storage, "getItem" | "setItem">;

/** Return the presets that a stored text states; what is none of ours is left out. */
export function readPresets(text: string | null): OwnPreset[] {
  let found: unknown = null;
  try {
    found = JSON.parse(text ?? "[]");
  } catch {
    return []; // not written by us
  }
  if (!Array.isArray(found)) return [];
  return found.slice(0, MOST_PRESETS).flatMap((item: unknown) => {
    const { name, modality, window } = (item ?? {}) as { name?: unknown; modality?: unknown; window?: Partial<Window> | null };
    const { center, width, function: voi } = window ?? {};
    const isSound = typeof name === "string" && name !== "" && name.length <= LONGEST_NAME && typeof modality === "string"
      && Number.isFinite(center) && Number.isFinite(width) && (width as number) > 0 && (voi === "LINEAR" || voi === "LINEAR_EXACT" || voi === "SIGMOID");
    return isSound ? [{ name, modality, window: makeWindow(center as number, width as number, voi) }] : [];
  });
}

export class OwnPresets {
  #presets: OwnPreset[];

  /** Without a shelf (a browser that keeps nothing) they last as long as the page. */
  constructor(readonly shelf: Shelf | null) {
    this.#presets = readPresets(this.#read());
  }

  of(modality: string | null): OwnPreset[] {
    return this.#presets.filter((preset) => preset.modality === modality);
  }

  /** Keep a window under a name, in place of one of that name; says in words why not, or null. */
  save(name: string, modality: string | null, window: Window): string | null {
    const trimmed = name.trim();
    if (modality === null) return "The series states no modality to keep a preset for";
    if (trimmed === "" || trimmed.length > LONGEST_NAME) return `A name has 1 to ${LONGEST_NAME} characters`;
    const others = this.#others(trimmed, modality);
    if (others.length >= MOST_PRESETS) return `No more than ${MOST_PRESETS} presets are kept; delete one first`;
    this.#write([...others, { name: trimmed, modality, window: { ...window } }]);
    return null;
  }

  remove(name: string, modality: string | null): void {
    this.#write(this.#others(name, modality));
  }

  /** Return the name of a window where it is one of them. */
  nameOf(window: Window, modality: string | null): string | null {
    return this.of(modality).find((preset) => sameWindow(preset.window, window))?.name ?? null;
  }

  #others(name: string, modality: string | null): OwnPreset[] {
    return this.#presets.filter((preset) => preset.name !== name || preset.modality !== modality);
  }

  #read(): string | null {
    try {
      return this.shelf?.getItem(KEY) ?? null;
    } catch {
      return null;
    }
  }

  #write(presets: OwnPreset[]): void {
    this.#presets = presets;
    try {
      this.shelf?.setItem(KEY, JSON.stringify(presets));
    } catch {
      // full, or forbidden: they last as long as the page
    }
  }
}

/** Return the browser's shelf, or null where it gives none. */
export function shelfOf(view: { readonly localStorage: Storage }): Storage | null {
  try {
    return view.localStorage;
  } catch {
    return null;
  }
}
