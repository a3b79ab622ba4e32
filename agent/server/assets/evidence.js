// The panel "Why these passages": what was selected, what was not, and why the selection ended where it did.
import { count, data, el, percent } from "./dom.js";
import { show } from "./drawer.js";
import { openPassage } from "./passage.js";

const FOUND = { dense: "by meaning", lexical: "by words", linked: "because another passage names it", naming: "because it names others" };
const FIRST = 12; // rows of "not selected" that are there at once

export function openEvidence(record, corpus) {
  const chosen = new Set(record.selected.map((one) => one.passage_id));
  const ranked = record.candidates.map((one, n) => ({ ...one, rank: n + 1 }));
  const left = ranked.filter((one) => !chosen.has(one.passage_id));
  show("Why these passages",
    el("p.lead", null, lead(record, ranked.length)),
    el("section", { "aria-labelledby": "chosen-head" },
      el("h3", { id: "chosen-head" }, "Selected ", el("span.soft", null, String(record.selected.length))),
      record.selected.length ? el("p.soft", null, "In the order in which they were read. The figure is the probability that a passage is evidence.") : null,
      record.selected.length
        ? el("ol.chosen", null, record.selected.map((one) => chosenRow(one, corpus)))
        : el("p.soft", null, "None. What was found is listed below, best first.")),
    left.length ? el("section", { "aria-labelledby": "left-head" }, el("h3", { id: "left-head" }, "Not selected ", el("span.soft", null, String(left.length))), rows(left, record, corpus)) : null);
}

function lead(record, candidates) {
  if (!candidates) return "Nothing was found that could have been selected.";
  return `${count(candidates, "passage was a candidate", "passages were candidates")}. ${stopped(record)}`;
}

// The selection's own words for why it ended, in a sentence.
export function stopped({ selected, stop_reason: reason, tokens }) {
  const p = /^stop, p = ([\d.]+)((?:; .+)?)$/.exec(reason);
  const size = tokens ? ` Together they have ${count(tokens, "token")}.` : "";
  if (p?.[2] && selected.length) return `The selector stopped where nothing more seemed to help (${sure(p[1])} sure)${p[2]}.${size}`;
  if (p && selected.length) return `The selector stopped after ${selected.length}: nothing more seemed to help (${sure(p[1])} sure).${size}`;
  if (p && !p[2]) return `The selector took none: nothing here seemed to help (${sure(p[1])} sure).`;
  return reason ? `The selection ended for this reason: ${reason}.${size}` : "";
}

const sure = (p) => (p === "1.00" ? ">99%" : percent(Number(p)));

function chosenRow(one, corpus) {
  const bar = el("span.bar", { "aria-hidden": "true" }, el("span"));
  bar.firstElementChild.style.width = `${100 * one.relevance}%`;
  return el("li", null,
    el("button.row", { type: "button", click: () => openPassage(one, corpus) },
      el("span.row-head", null, data(one.title || "Untitled", "span.row-title"), el("span.figure", null, el("span.unseen", null, "probability of being evidence "), percent(one.relevance))),
      bar,
      data(one.text, "span.row-text")));
}

function rows(left, record, corpus) {
  const list = el("ol.left", null, left.slice(0, FIRST).map((one) => leftRow(one, record, corpus)));
  if (left.length <= FIRST) return list;
  const more = el("button.quiet", { type: "button", click: () => {
    const added = left.slice(FIRST).map((one) => leftRow(one, record, corpus));
    list.append(...added);
    more.remove();
    added[0].querySelector("summary").focus();
  } }, `Show ${left.length - FIRST} more`);
  return [list, more];
}

function leftRow(one, record, corpus) {
  const found = one.channels.map((channel) => FOUND[channel] ?? channel).join(", ");
  return el("li", null, el("details", null,
    el("summary", null, el("span.rank", null, String(one.rank)), el("span.row-line", null, data(one.title || "Untitled", "span.row-title"), data(one.text, "span.row-excerpt"))),
    el("p.row-why", null, `Found ${found || "in a search"}. ${notTaken(one, record)}`),
    data(one.text, "p.row-text"),
    el("button.quiet", { type: "button", click: () => openPassage(one, corpus) }, "Open passage")));
}

function notTaken(one, { selected }) {
  const judged = one.relevance == null ? "" : ` The probability that it is evidence: ${percent(one.relevance)}.`;
  if (!selected.length) return `Ranked ${one.rank}; no passage was taken.${judged}`;
  return `Ranked ${one.rank}; the selection had ended after ${selected.length}.${judged}`;
}
