/** The upload page: a drop zone and the panel, full size. Panel renders it through `render`. */
import baseCss from "../ground/base.css";
import { adoptStyles, el } from "../ground/dom";
import tokensCss from "../ground/tokens.css";
import { followTheme } from "../viewer/theme";
import { dropZoneOf, takeDrops } from "./drop";
import { UploadPanel } from "./panel";
import css from "./upload.css";

export function mountUpload(host: HTMLElement): () => void {
  const shadow = host.getRootNode();
  if (shadow instanceof ShadowRoot || shadow instanceof Document) adoptStyles(shadow, tokensCss, baseCss, css);
  const panel = new UploadPanel({ isPage: true });
  const root = el("div", { class: "nl uppage" }, el("div", { class: "upcol" },
    el("div", {}, el("h1", {}, "Upload"), el("p", { class: "t2" }, "Stored exactly as they come and never altered. Sent again, what is here already is passed over.")),
    dropZoneOf(panel), panel.element));
  host.append(root);
  const ends = [followTheme(root), takeDrops(root, (transfer) => panel.drop(transfer))];
  return () => { for (const end of ends) end(); root.remove(); };
}

interface Model {
  on(name: string, act: (event: never) => void): void;
}

/** What Panel calls. */
export function render({ model, el: host }: { model: Model; el: HTMLElement }): void {
  const end = mountUpload(host);
  model.on("remove", end as (event: never) => void);
}

export default { render };
