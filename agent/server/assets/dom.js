// Elements. Every text goes through textContent or a text node: there is no way from a string to markup in these files.

export const byId = (id) => document.getElementById(id);

// el("p.note", {lang: "en"}, "text", child, null). Functions among the attributes are listeners.
export function el(kind, attributes, ...children) {
  const [tag, ...classes] = kind.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return node;
}

// Text of a document, a model or a person: it keeps its own direction and cannot reorder what stands beside it.
export const data = (text, kind = "span") => el(`${kind}.data`, { dir: "auto" }, String(text));

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const iconButton = (name, label, click, attributes = {}) =>
  el("button.icon", { type: "button", "aria-label": label, title: label, click, ...attributes }, icon(name));

export const button = (label, click, kind = "button.quiet") => el(kind, { type: "button", click }, label);

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
export const percent = (p) => (p > 0 && p < 0.005 ? "<1%" : p < 1 && p >= 0.995 ? ">99%" : `${Math.round(100 * p)}%`);
export const seconds = (ms) => (ms < 950 ? `${Math.max(10, Math.round(ms / 10) * 10)} ms` : `${(ms / 1000).toFixed(1)} s`);

// For those who do not see the page change.
export function say(text) {
  byId("said").textContent = text;
}
