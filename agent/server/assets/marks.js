// The text of an answer with its marks, such as [1], as buttons that open what they cite.
import { data, el } from "./dom.js";

const MARK = /\[(\d{1,3})\]/g;

// Pieces of one text. `open(n)` is called with the place of the citation, from 0.
export function marked(text, citations, open) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(MARK)) {
    const cited = citations[Number(match[1]) - 1];
    if (!cited) continue; // brackets of the text's own
    pieces.push(text.slice(end, match.index).replace(/ $/, "\u00a0"), mark(Number(match[1]), cited, open));
    end = match.index + match[0].length;
  }
  return [...pieces, text.slice(end)];
}

export function mark(number, cited, open) {
  const name = `Source ${number}: ${cited.title || cited.source}`;
  return el("button.mark", { type: "button", "aria-label": name, title: name, click: () => open(number - 1) }, String(number));
}

export function citationList(citations, open) {
  return el("ol.citations", { "aria-label": "Sources" }, citations.map((cited, n) =>
    el("li", null, el("button.citation", { type: "button", click: () => open(n) },
      el("span.number", { "aria-hidden": "true" }, String(n + 1)),
      el("span.cited", null, data(cited.title || cited.source, "span.cited-title"), data(cited.quote, "span.cited-quote"))))));
}
