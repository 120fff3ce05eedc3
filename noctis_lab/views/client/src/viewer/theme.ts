/** Follow the theme of what is around: a page's `data-theme`, or JupyterLab's. */

function themeAround(): "dark" | "light" {
  const jupyter = document.body.dataset["jpThemeLight"];
  if (jupyter !== undefined) return jupyter === "true" ? "light" : "dark";
  const stated = document.documentElement.dataset["theme"];
  if (stated === "light" || stated === "dark") return stated;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

/** Keep an element's `data-theme` as the theme around it; returns how to stop. */
export function followTheme(element: HTMLElement): () => void {
  const apply = (): void => { element.dataset["theme"] = themeAround(); };
  apply();
  const observer = new MutationObserver(apply);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  return () => observer.disconnect();
}
