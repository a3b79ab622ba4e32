// The list at the left and the panel at the right. Where the window is too narrow for them beside the conversation they lie above it, and then hold the focus.
import { byId } from "./dom.js";

const narrow = { side: matchMedia("(max-width: 59.99rem)"), panel: matchMedia("(max-width: 79.99rem)") };
const opener = {};

const parts = (name) => [...document.body.children].filter((node) => !["DIALOG", "SCRIPT"].includes(node.tagName) && node.id !== name && node.id !== "said");
const isOpen = (name) => (name === "panel" ? !byId("panel").hidden : document.body.classList.contains("side-open"));

function settle() {
  const above = ["panel", "side"].find((name) => isOpen(name) && narrow[name].matches);
  [...document.body.children].forEach((node) => { node.inert = false; });
  if (above) parts(above).forEach((node) => { node.inert = true; });
  byId("side-open").setAttribute("aria-expanded", String(isOpen("side")));
  document.body.classList.toggle("above", Boolean(above));
  document.body.classList.toggle("panel-open", isOpen("panel"));
}

function open(name, focus) {
  if (!isOpen(name)) opener[name] = document.activeElement;
  if (name === "panel") byId("panel").hidden = false;
  else document.body.classList.add("side-open");
  settle();
  focus.focus({ preventScroll: true });
}

function close(name) {
  if (!isOpen(name)) return;
  if (name === "panel") byId("panel").hidden = true;
  else document.body.classList.remove("side-open");
  settle();
  const back = opener[name];
  if (back && back.isConnected && back !== document.body) back.focus({ preventScroll: true });
  else byId("question").focus({ preventScroll: true });
}

export const closeSide = () => close("side");
export const closePanel = () => close("panel");

// Puts a view into the panel: its title, and its elements in place of what was there. The focus stays where it is, if that is still there.
export function put(title, ...children) {
  const within = byId("panel-body").contains(document.activeElement);
  byId("panel-title").textContent = title;
  byId("panel-body").replaceChildren(...children.filter(Boolean));
  if (within) byId("panel-title").focus({ preventScroll: true });
}

// The same, for somebody who asked for it: the panel opens, and the focus goes there.
export function show(title, ...children) {
  put(title, ...children);
  byId("panel-body").scrollTop = 0;
  closeSide();
  open("panel", byId("panel-title"));
}

// Whether the panel shows `node` still: late answers must not replace something newer.
export const shows = (node) => node.isConnected && !byId("panel").hidden;

export function offerDrawers() {
  byId("side-open").addEventListener("click", () => open("side", byId("side-close")));
  byId("side-close").addEventListener("click", closeSide);
  byId("panel-close").addEventListener("click", closePanel);
  Object.values(narrow).forEach((query) => query.addEventListener("change", settle));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || byId("dialog").open) return;
    if (isOpen("side") && narrow.side.matches) closeSide();
    else closePanel();
  });
  document.addEventListener("pointerdown", (event) => { // what lies below a drawer is inert, and a touch there reaches the body alone
    if (event.target !== document.body && event.target !== document.documentElement) return;
    if (isOpen("side") && narrow.side.matches) closeSide();
    else if (isOpen("panel") && narrow.panel.matches) closePanel();
  });
}
