// The conversation in the middle: asks, shows each event as it comes, and keeps what came of it.
import { Failure, read, stream } from "./api.js";
import { byId, el, say } from "./dom.js";
import { shortened } from "./codepoints.js";
import { gone } from "./gone.js";
import * as kept from "./kept.js";
import { condensed } from "./steps.js";
import { Turn } from "./turn.js";

const TRIES = 5; // when the server is busy
const SNIPPET = 420; // characters that are kept of a passage; all of it comes from the server when it is opened

export class Conversation {
  constructor(corpus, id, changed) {
    Object.assign(this, { corpus, id: id ?? kept.newId(), changed, records: [], running: null, box: el("div") });
    byId("turns").replaceChildren(this.box); // what comes late goes into its own box
  }

  // What this browser kept of it, or else what the server remembers. False where neither knows it.
  async restore() {
    this.records = kept.turns(this.id);
    this.records.forEach((record) => this.#show(record, false));
    let remembered = null;
    try {
      remembered = (await read(`threads/${encodeURIComponent(this.id)}?corpus=${encodeURIComponent(this.corpus)}`)).turns;
    } catch (error) {
      if (!(error instanceof Failure && error.status === 404)) return this.records.length > 0;
    }
    if (!this.records.length) {
      this.records = (remembered ?? []).map(({ question, answer }) => ({ question, answer, outcome: "answered", steps: [], citations: [], selected: [], candidates: [], forgotten: true }));
      this.records.forEach((record) => this.#show(record, false));
    } else if (!remembered && this.records.some((record) => record.outcome === "answered")) {
      this.box.append(el("p.soft.lost", null, "The server no longer remembers this conversation. What you ask now is understood by itself."));
    }
    return this.records.length > 0;
  }

  #show(record, running) {
    const turn = new Turn(record, this, { again: (question) => this.changed.ask(question), kept: () => this.keep() });
    this.box.append(turn.element);
    if (!running) turn.finish({ announce: false });
    return turn;
  }

  keep() {
    kept.keep(this, this.records);
    this.changed.kept();
  }

  // Resolves when nothing runs any more, and nothing more is kept of it.
  async stop() {
    this.running?.abort();
    await this.asked;
  }

  ask(question) {
    this.asked = this.#ask(question);
    return this.asked;
  }

  async #ask(question) {
    const record = { question, at: Date.now(), outcome: "interrupted", answer: "", steps: [], citations: [], selected: [], candidates: [] };
    this.records.push(record);
    this.keep(); // a reload in between must not lose the question
    this.running = new AbortController();
    const turn = this.#show(record, true);
    turn.element.scrollIntoView({ block: "start" });
    this.changed.running(true);
    try {
      await this.#run(turn);
    } catch (error) {
      const stopped = error.name === "AbortError";
      Object.assign(record, { outcome: stopped ? "stopped" : "failed", error: stopped ? "You stopped it; the server does nothing more for it." : error.message });
    } finally {
      this.running = null;
      turn.finish();
      this.keep();
      this.changed.running(false);
    }
  }

  async #run(turn) {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#listen(turn);
      } catch (error) {
        if (error.status !== 429 || tries === TRIES) throw error;
        await this.#wait(turn, Math.max(1, error.wait));
      }
    }
  }

  async #listen(turn) {
    const json = { question: turn.record.question, corpus: this.corpus, thread: this.id, stream: true };
    for await (const { event, data } of stream("v1/answer", { method: "POST", json, signal: this.running.signal })) {
      if (event === "error") throw new Failure(data.error?.message ?? "The run failed.", { code: data.error?.code });
      if (event === "sentence") turn.sentence(data);
      if (event === "answered") return Object.assign(turn.record, condensedAnswer(data.answer));
      const step = condensed(data);
      if (step) turn.step(step);
    }
    gone();
    throw new Failure("The answer broke off before it was whole.");
  }

  // The server is busy: says so, counts down, and may be stopped meanwhile.
  async #wait(turn, seconds) {
    say("The server is busy.");
    for (let left = seconds; left > 0; left--) {
      turn.state.textContent = `The server is busy. Asks again in ${left} s`;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      this.running.signal.throwIfAborted();
    }
    turn.state.textContent = "Asking again…";
  }
}

// What is kept of an answer: no whole passages, and the question as it was asked.
function condensedAnswer(answer) {
  const { outcome, citations, disagreement, stop_reason, sub_questions, queries, missing, confidence, answerable, latency_ms, trace_id, error } = answer;
  const snippet = (one) => ({ ...one, text: shortened(one.text, SNIPPET) });
  return {
    outcome, citations, disagreement, stop_reason, sub_questions, queries, missing, confidence, answerable, latency_ms, trace_id, error,
    answer: answer.answer, selected: answer.selected.map(snippet), candidates: answer.candidates.map(snippet), tokens: answer.usage?.evidence_tokens ?? 0,
  };
}
