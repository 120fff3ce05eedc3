// Runs before the first paint: what this browser's user chose here, else what the system prefers.
{
  const light = matchMedia("(prefers-color-scheme: light)");
  const chosen = (): string | null => {
    try {
      return localStorage.getItem("noctis-theme");
    } catch {
      return null; // storage is closed to us
    }
  };
  const follow = (): void => {
    const theme = chosen();
    document.documentElement.dataset.theme = theme === "light" || theme === "dark" ? theme : light.matches ? "light" : "dark";
  };
  follow();
  light.addEventListener("change", follow);
}
