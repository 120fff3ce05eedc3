/** A field on the image for a label. */
import { el } from "../ground/dom";
import type { Point } from "./area";
import { LONGEST_LABEL } from "./shapes";

/** Ask for a label at a point of a pane; `onDone` gets it, or null where it was given up. */
export function askLabel(pane: HTMLElement, [x, y]: Point, label: string, onDone: (label: string | null) => void): void {
  const input = el("input", { class: "ink-input", maxlength: LONGEST_LABEL, "aria-label": "Label", placeholder: "Label", value: label });
  input.style.left = `${Math.min(Math.max(x, 4), pane.clientWidth - 204)}px`;
  input.style.top = `${Math.min(Math.max(y - 14, 4), pane.clientHeight - 32)}px`;
  let isDone = false;
  const done = (given: string | null): void => {
    if (isDone) return;
    isDone = true;
    input.remove();
    onDone(given);
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") done(input.value.trim());
    else if (event.key === "Escape") done(null);
  });
  for (const event of ["pointerdown", "wheel", "dblclick"]) input.addEventListener(event, (heard) => heard.stopPropagation());
  input.addEventListener("blur", () => done(input.value.trim()));
  pane.append(input);
  // Not before the press that made it is over: it would take the focus away.
  setTimeout(() => input.focus(), 0);
}
