// What happens between a question and its answer, told as it happens and kept with the answer: the plan, the searches, the choice, the verdicts.
import { count, data, el, percent } from "./dom.js";

const WHY = { question: "", sub_question: "for a part of the question", next_hop: "the next hop", gap: "to fill a gap", person: "as a person wished" };

// The step that an event is, without the texts of passages, so that it can be kept. null for what is no step, or none that is known here.
export function condensed(event) {
  switch (event.type) {
    case "selected":
      return { ...event, selected: event.selected.map(({ title, relevance }) => ({ title, relevance })) };
    case "judged":
      return { type: "judged", verdict: { ...event.verdict, signals: undefined } };
    case "planned": case "searched": case "linked": case "resolved":
      return event;
    case "waiting": case "decided":
      return { type: event.type };
    default:
      return null;
  }
}

const SHOWN = {
  planned: ({ question, sub_questions: parts, note }, asked) => [
    question.trim() === asked.trim() ? null : el("p", null, "Understood as ", quoted(question)),
    parts.length ? el("p", null, `Planned in ${count(parts.length, "part")}`) : el("p", null, "Planned as one question"),
    parts.length ? el("ol.parts", null, parts.map((part) => el("li", null, data(part.question), after(part)))) : null,
    note ? el("p.why", null, data(note)) : null,
  ],
  searched: ({ query, found }) => [el("p", null, "Searched ", quoted(query.query), `, ${count(found, "passage")} found`, why(WHY[query.reason] ?? query.reason))],
  linked: ({ names }) => names.length ? [el("p", null, `Followed ${count(names.length, "name")}`, why(names.slice(0, 8).join(", ") + (names.length > 8 ? " …" : "")))] : null,
  selected: ({ selected, candidates }) => [
    el("p", null, selected.length ? `Chose ${selected.length} of ${count(candidates, "passage")}` : `Chose none of ${count(candidates, "passage")}`,
      why(selected.map((one) => one.title || "untitled").join(", "))),
  ],
  resolved: ({ sub_question: part }) => [el("p", null, `Part ${part.id}: `, data(part.question), part.answer ? [" → ", data(part.answer, "b")] : why("not found"))],
  judged: ({ verdict }) => [
    el("p", null, { answer: "Enough to answer", look: "Looks again", abstain: "Not enough to answer" }[verdict.kind] ?? verdict.kind, why(verdict.why)),
    verdict.found && verdict.kind !== "answer" ? el("p.why", null, "Found, however unlikely: ", data(verdict.found)) : null,
    verdict.missing?.length ? el("p.why", null, "Missing: ", data(verdict.missing.join("; "))) : null,
  ],
  waiting: () => [el("p", null, "Waits for a person to decide")],
  decided: () => [el("p", null, "Decided by a person; goes on")],
};

const SAID = {
  planned: "Searching…", searched: "Searching…", linked: "Choosing passages…", selected: "Judging the evidence…", resolved: "Searching on…",
  judged: (step) => ({ answer: "Answering…", look: "Looking again…", abstain: "Giving up…" }[step.verdict.kind] ?? "Working…"), waiting: "Waiting for a person…", decided: "Going on…",
};

export const said = (step) => (typeof SAID[step.type] === "function" ? SAID[step.type](step) : SAID[step.type]);

export function shownStep(step, asked) {
  const lines = SHOWN[step.type]?.(step, asked);
  return lines ? el(`li.step.${step.type}`, null, lines) : null;
}

// In one line, for when it is over.
export function summary(record) {
  const searches = record.steps.filter((step) => step.type === "searched").length;
  const chosen = record.steps.findLast((step) => step.type === "selected");
  const parts = record.sub_questions?.length ? [count(record.sub_questions.length, "part")] : [];
  if (searches) parts.push(count(searches, "search", "searches"));
  if (chosen) parts.push(`${chosen.selected.length} of ${count(chosen.candidates, "passage")} chosen`);
  return parts.join(", ");
}

const quoted = (text) => el("q", null, data(text));
const why = (text) => (text ? el("span.why", null, data(text)) : null);
const after = (part) => (part.depends_on.length ? el("span.why", null, `after ${part.depends_on.join(" and ")}`) : null);

export function odds(record) {
  if (!["answered", "partial"].includes(record.outcome) || record.forgotten) return null;
  return el("dl.odds", null,
    el("div", { title: "The probability that the chosen passages suffice to answer" }, el("dt", null, "Evidence suffices"), el("dd", null, percent(record.answerable))),
    el("div", { title: "The probability that the answer is right" }, el("dt", null, "Answer right"), el("dd", null, percent(record.confidence))));
}
