// The button that changes between light and dark.
import { byId } from "./dom.js";

export function offerColours() {
  const button = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const other = () => ((document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark" ? "light" : "dark");
  const name = () => { button.querySelector("span").textContent = other() === "dark" ? "Dark" : "Light"; };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = other();
    try { localStorage.setItem("passel:theme", document.documentElement.dataset.theme); } catch { /* then until the page is left */ }
    name();
  });
  system.addEventListener("change", name);
  name();
}
