// Runs before the first paint: dark unless this browser's user chose light.
{
  let theme = "dark";
  try {
    if (localStorage.getItem("noctis-theme") === "light") theme = "light";
  } catch {
    // storage is closed to us: dark
  }
  document.documentElement.dataset.theme = theme;
}
