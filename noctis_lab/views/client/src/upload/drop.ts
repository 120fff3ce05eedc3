/** The whole page takes what is dropped; while something is dragged over it, it says so. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";

const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;

export interface Choosing {
  chooseFiles(): void;
  chooseFolder(): void;
}

/** Let a page take files; returns how to stop. The overlay belongs into the page's own root. */
export function takeDrops(root: HTMLElement, dropped: (transfer: DataTransfer) => void): () => void {
  const overlay = el("div", { class: "dropping", hidden: true, "aria-hidden": "true" },
    el("div", { class: "dropbox" }, icon("drop"), el("div", { class: "f16 b" }, "Drop DICOM files, folders or a ZIP"), el("div", { class: "t2" }, "Anything that is not DICOM is listed and left alone")));
  root.append(overlay);
  let depth = 0;
  const show = (isOver: boolean): void => {
    if (!isOver) depth = 0;
    overlay.hidden = !isOver;
  };
  const listeners: [string, (event: DragEvent) => void][] = [
    ["dragenter", (event) => { if (hasFiles(event)) { event.preventDefault(); depth += 1; show(true); } }],
    ["dragover", (event) => { if (hasFiles(event)) { event.preventDefault(); if (event.dataTransfer) event.dataTransfer.dropEffect = "copy"; } }],
    ["dragleave", (event) => { if (hasFiles(event) && (depth -= 1) <= 0) show(false); }],
    ["drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      show(false);
      if (event.dataTransfer) dropped(event.dataTransfer);
    }],
  ];
  for (const [name, act] of listeners) addEventListener(name, act as EventListener);
  return () => {
    for (const [name, act] of listeners) removeEventListener(name, act as EventListener);
    overlay.remove();
  };
}

/** A place that says what can be dropped, with buttons for those who do not drag. */
export function dropZoneOf(panel: Choosing): HTMLElement {
  return el("div", { class: "dz" }, icon("drop"),
    el("div", { class: "f16 b" }, "Drop DICOM files, folders or a ZIP here"),
    el("div", { class: "t2" }, "Anything that is not DICOM is listed and left alone"),
    el("div", { class: "row g2" },
      el("button", { type: "button", class: "btn p", click: () => panel.chooseFiles() }, icon("folder", "s"), "Choose files"),
      el("button", { type: "button", class: "btn", click: () => panel.chooseFolder() }, "Choose a folder")));
}
