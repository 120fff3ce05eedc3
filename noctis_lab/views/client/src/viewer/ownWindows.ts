/** Which window or table an image is shown in where its state says none, and which of its own comes next. */
import type { NamedWindow } from "../ground/transport";
import type { Frame } from "./renderer";
import type { PaneState } from "./state";
import { nextOwnWindow, statedWindow, tableNumber, windowOfFrame } from "./windowing";

type Choice = Pick<PaneState, "window" | "voi_lut">;

export class OwnWindows {
  /** What the image was opened with. */
  #opened: Choice = { window: null, voi_lut: null };
  /** Which of the image's own windows was in use last. */
  #turn = 0;

  /** Begin with the windows of another stack. */
  begin(windows: readonly NamedWindow[]): void {
    const [first] = windows;
    this.#opened = { window: first ? statedWindow(first) : null, voi_lut: tableNumber(windows, 0) };
    this.#turn = 0;
  }

  /** An image without any window has one from the first pixels that are seen of it. */
  see(frame: Frame): void {
    this.#opened.window ??= windowOfFrame(frame);
  }

  /** Return the window and table in use: the state's, or those of the beginning. */
  inUse({ window, voi_lut }: Choice): Choice {
    return window === null ? { ...this.#opened } : { window, voi_lut };
  }

  /** Go back to what the image was opened with. */
  reset(): Choice {
    this.#turn = 0;
    return { ...this.#opened };
  }

  /** Go to the first of the image's own windows, or from one of them to the next. */
  next(windows: readonly NamedWindow[], state: Choice): Choice & { words: string } {
    const { window, voi_lut } = this.inUse(state);
    const { turn, ...next } = nextOwnWindow(windows, this.#turn, window, this.#opened.window, voi_lut);
    this.#turn = turn;
    return next;
  }
}
