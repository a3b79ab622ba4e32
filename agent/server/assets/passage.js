// The panel that shows a passage, at the quote that was cited, in its document.
import { Failure, call, corpusPath, read } from "./api.js";
import { Text } from "./codepoints.js";
import { button, data, el, iconButton } from "./dom.js";
import { show, shows } from "./drawer.js";

const AROUND = 3000; // characters before and after, each time more of the document is asked for

// One of a list of citations; arrows lead to its neighbours.
export async function openCitation(citations, n, corpus) {
  const cited = citations[n];
  const view = el("div.passage", null, el("p.soft", null, "Opening…"));
  const step = (by, label, name) => iconButton(name, label, () => openCitation(citations, n + by, corpus), { disabled: !citations[n + by] });
  const walk = citations.length > 1
    ? el("div.walk", null, step(-1, "Previous source", "left"), el("span", null, `${n + 1} of ${citations.length}`), step(1, "Next source", "right"))
    : null;
  show(cited.title || cited.source, walk, view);
  try {
    const passage = await read(corpusPath(corpus, `/passages/${encodeURIComponent(cited.passage_id)}`));
    const span = standing(passage, cited);
    if (!shows(view)) return;
    if (span) fill(view, passage, span, corpus);
    else alone(view, cited, GONE);
  } catch (error) {
    if (shows(view)) alone(view, cited, error instanceof Failure && error.status === 404 ? GONE : error.message);
  }
}

const GONE = "This passage is no longer in the corpus: its document was changed or deleted since. The quote was:";

// The quote without what stood around it, and why.
function alone(view, cited, why) {
  view.replaceChildren(el("p.soft", null, why), el("blockquote", null, el("mark", null, data(cited.quote))), el("p.where", null, data(cited.source)));
}

// Where in the document the quote stands today: text that was put in before the passage has moved it. null: not in this passage.
function standing(passage, { span, quote }) {
  const text = new Text(passage.text);
  const from = passage.span[0];
  if (text.slice(span[0] - from, span[1] - from) === quote) return span;
  const at = text.indexOf(quote);
  return at < 0 ? null : [from + at, from + at + new Text(quote).length];
}

// A passage that is not cited; `known` has its id, its title and at least the beginning of its text.
export async function openPassage(known, corpus) {
  const view = el("div.passage", null, data(known.text, "p.text"));
  show(known.title || "Passage", view);
  try {
    const passage = await read(corpusPath(corpus, `/passages/${encodeURIComponent(known.passage_id)}`));
    if (shows(view)) fill(view, passage, null, corpus);
  } catch (error) {
    if (shows(view)) view.prepend(el("p.soft", null, error instanceof Failure && error.status === 404 ? "This passage is no longer in the corpus." : error.message));
  }
}

function fill(view, passage, span, corpus) {
  const text = new Text(passage.text);
  const shown = el("p.text", { dir: "auto" }, ...withMark(text, passage.span[0], span));
  const whole = button("Show it in the document", () => inDocument(view, passage.source, passage.span, span, corpus));
  view.replaceChildren(where(passage.source, passage.headings, passage.page, span ?? passage.span), shown, el("p.below", null, whole));
  view.querySelector("mark")?.scrollIntoView({ block: "center" });
}

function where(source, headings, page, span) {
  return el("p.where", null,
    data(source), headings?.length ? [" · ", data(headings.join(" › "))] : null, page === null || page === undefined ? null : ` · page ${page}`,
    span ? ` · characters ${span[0].toLocaleString("en")} to ${span[1].toLocaleString("en")}` : null);
}

// The text with the quote marked; `offset`: where in the document the text begins.
function withMark(text, offset, span) {
  if (!span || span[0] < offset || span[1] > offset + text.length) return [text.slice(0, text.length)];
  const [start, end] = [span[0] - offset, span[1] - offset];
  return [text.slice(0, start), el("mark", null, text.slice(start, end)), text.slice(end, text.length)];
}

async function inDocument(view, source, passage, span, corpus) {
  view.setAttribute("aria-busy", "true");
  try {
    const response = await call(corpusPath(corpus, `/document?source=${encodeURIComponent(source)}`));
    const text = new Text(await response.text());
    if (shows(view)) around(view, source, text, passage, span, Math.max(0, passage[0] - AROUND), Math.min(text.length, passage[1] + AROUND));
  } catch (error) {
    if (shows(view)) view.append(el("p.fault", { role: "alert" }, error.message));
  } finally {
    view.removeAttribute("aria-busy");
  }
}

// The document from `from` to `to`: the passage stands out from what is around it, and the quote from the passage.
function around(view, source, text, passage, span, from, to) {
  const more = (label, start, end) => button(label, () => around(view, source, text, passage, span, Math.max(0, start), Math.min(text.length, end)));
  view.replaceChildren(
    where(source, null, null, null),
    from > 0 ? el("p.below", null, more("Earlier", from - 4 * AROUND, to)) : "",
    el("p.text", { dir: "auto" },
      el("span.around", null, text.slice(from, passage[0])),
      ...withMark(new Text(text.slice(Math.max(from, passage[0]), passage[1])), Math.max(from, passage[0]), span),
      el("span.around", null, text.slice(Math.max(from, passage[1]), to))),
    to < text.length ? el("p.below", null, more("Further", from, to + 4 * AROUND)) : "");
  view.querySelector("mark")?.scrollIntoView({ block: "center" });
}

export async function openDocument(source, corpus) {
  const view = el("div.passage", null, el("p.soft", null, "Opening…"));
  show(source, view);
  try {
    const text = new Text(await (await call(corpusPath(corpus, `/document?source=${encodeURIComponent(source)}`))).text());
    if (shows(view)) around(view, source, text, [0, 0], null, 0, Math.min(text.length, 2 * AROUND));
  } catch (error) {
    if (shows(view)) view.replaceChildren(el("p.fault", { role: "alert" }, error.message));
  }
}
