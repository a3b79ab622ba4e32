// One turn: the question, what happens, the answer with its sources, and what can be done with it. While it runs, and as it was kept.
import { button, count, data, el, iconButton, say, seconds } from "./dom.js";
import { openEvidence } from "./evidence.js";
import { feedback } from "./feedback.js";
import { citationList, mark, marked } from "./marks.js";
import { openCitation } from "./passage.js";
import { odds, said, shownStep, summary } from "./steps.js";

const LABEL = {
  partial: "In part", abstained: "I don't know", out_of_budget: "The budget ran out", failed: "This failed",
  stopped: "Stopped", interrupted: "Interrupted",
};
const AGAIN = ["failed", "stopped", "interrupted", "out_of_budget"];

export class Turn {
  // record: {question, steps, …the answer's fields where there is one}. again(): asks the same once more. kept(): the record has changed.
  constructor(record, conversation, { again, kept }) {
    Object.assign(this, { record, conversation, again, kept });
    this.steps = el("ol.step-list");
    this.state = el("span.state", null, "Planning…");
    this.details = el("details.steps", { open: true }, el("summary", null, el("span.pulse", { "aria-hidden": "true" }), this.state), this.steps);
    this.text = el("div.text", { dir: "auto" });
    this.below = el("div.answer-below");
    this.answer = el("div.answer", null, this.text, this.below);
    this.element = el("article.turn", { "aria-label": `Question: ${record.question}`, "aria-busy": "true" },
      data(record.question, "h2.question"), this.details, this.answer);
    record.steps.forEach((step) => this.#list(step));
  }

  step(step) {
    this.record.steps.push(step);
    this.#list(step);
    this.busy(said(step));
  }

  #list(step) {
    const shown = shownStep(step, this.record.question);
    if (shown) this.steps.append(shown);
  }

  busy(text) {
    this.state.textContent = text;
    say(text);
  }

  // One more sentence; its citations are those of all sentences so far, numbered as in the end. What was said stays said, if the run ends before its answer.
  sentence({ text, citations }) {
    Object.assign(this.record, { answer: [this.record.answer, text].filter(Boolean).join(" "), citations });
    this.text.append(el("span.sentence", null, ...marked(text, citations, this.#open(citations)), " "));
  }

  #open = (citations) => (n) => openCitation(citations, n, this.conversation.corpus);

  // The record is whole: shows its answer, whatever came of it.
  finish({ announce = true } = {}) {
    const { record } = this;
    const open = this.#open(record.citations ?? []);
    this.element.setAttribute("aria-busy", "false");
    this.element.dataset.outcome = record.outcome;
    this.details.open = false;
    this.details.hidden = !record.steps.length;
    this.state.textContent = `How this was found${summary(record) ? `: ${summary(record)}` : ""}`;
    const text = record.answer || (record.error ? "" : record.outcome === "interrupted" ? "The page was left before the answer came." : "There is no answer.");
    const label = LABEL[record.outcome];
    this.text.replaceChildren(...[label ? el("p.label", null, label) : null, text ? this.#paragraphs(text, open) : null].flat().filter(Boolean));
    const rated = record.trace_id ? feedback(record, this.kept) : null;
    this.below.replaceChildren(...[
      record.error ? data(record.error, "p.fault") : null,
      ["abstained", "partial"].includes(record.outcome) ? this.#tried() : null,
      record.disagreement?.length ? this.#disagreement(open) : null,
      record.citations?.length ? citationList(record.citations, open) : null,
      record.forgotten ? el("p.soft", null, "Of this turn the server's own memory is all there is: its sources were kept by another browser.") : null,
      el("div.foot", null, this.#actions(rated), el("div.figures", null, odds(record), record.latency_ms ? el("span.time", null, seconds(record.latency_ms)) : null)),
      rated?.after,
    ].filter(Boolean));
    if (announce) say(`${label ?? "Answered"}. ${text || record.error || ""}`);
  }

  #paragraphs(text, open) {
    return text.split(/\n{2,}/).map((paragraph) => el("p", { dir: "auto" }, ...marked(this.record.outcome === "abstained" ? tail(paragraph) : paragraph, this.record.citations ?? [], open)));
  }

  // What was missing and what was tried, as far as the answer's own words do not say it.
  #tried() {
    const unsaid = (texts) => texts.filter((text) => !this.record.answer.includes(text));
    const missing = unsaid(this.record.missing ?? []);
    const queries = this.record.outcome === "abstained" ? unsaid((this.record.queries ?? []).map((one) => one.query)) : [];
    if (!missing.length && !queries.length) return null;
    const row = (name, texts) => (texts.length ? el("div", null, el("dt", null, name), el("dd", null, texts.map((text) => data(text, "span.tried")))) : null);
    return el("dl.missing", null, row("Missing", missing), row("Searched", queries));
  }

  #disagreement(open) {
    const { disagreement, citations } = this.record;
    return el("section.disagree", { "aria-label": "Sources disagree" }, el("h3", null, "Sources disagree"),
      el("ul", null, disagreement.map((claim) => el("li", null, data(claim.answer),
        claim.citations.filter((n) => citations[n - 1]).map((n) => [" ", mark(n, citations[n - 1], open)])))));
  }

  #actions(rated) {
    const { record } = this;
    const candidates = record.candidates?.length ?? 0;
    return el("div.actions", null,
      AGAIN.includes(record.outcome) && this.again ? button("Ask again", () => this.again(record.question)) : null,
      candidates ? button(record.selected.length ? `Why these ${count(record.selected.length, "passage")}` : `What was found: ${count(candidates, "passage")}`,
        () => openEvidence(record, this.conversation.corpus), "button.quiet.evidence") : null,
      rated?.box,
      record.answer && record.outcome !== "failed" ? iconButton("copy", "Copy the answer", () => this.#copy()) : null);
  }

  async #copy() {
    const sources = record_sources(this.record);
    try {
      await navigator.clipboard.writeText(this.record.answer + sources);
      say("Copied.");
    } catch {
      say("Copying is not allowed here.");
    }
  }
}

function record_sources({ citations }) {
  return citations?.length ? `\n\n${citations.map((one, n) => `[${n + 1}] ${one.title || one.source} (${one.source}): “${one.quote}”`).join("\n")}` : "";
}

// "I don't know" stands above the text already.
const tail = (text) => text.replace(/^I don't know[:.]\s*/, "").replace(/^\p{Ll}/u, (first) => first.toUpperCase());
