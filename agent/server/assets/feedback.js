// Thumbs up or down below an answer, and then room for a note. What is sent is in docs/serving.md.
import { call } from "./api.js";
import { button, el, iconButton, say } from "./dom.js";

// `kept()` is called when the rating of the record has changed.
export function feedback(record, kept) {
  const box = el("div.thumbs", { role: "group", "aria-label": "Was this answer right?" });
  const after = el("div.note-place");
  const up = iconButton("up", "Good answer", () => rate("up"), { "aria-pressed": "false" });
  const down = iconButton("down", "Bad answer", () => rate("down"), { "aria-pressed": "false" });
  box.append(up, down);
  press();

  function press() {
    up.setAttribute("aria-pressed", String(record.rating === "up"));
    down.setAttribute("aria-pressed", String(record.rating === "down"));
  }

  async function rate(rating) {
    const before = record.rating;
    record.rating = rating;
    press();
    if (!(await send(""))) { record.rating = before; press(); return; }
    kept();
    note(rating);
  }

  function note(rating) {
    const id = `note-${record.trace_id}`;
    const text = el("textarea", { id, rows: 2, maxlength: 4000, placeholder: rating === "up" ? "What was good about it?" : "What was wrong, or missing?" });
    const form = el("form.note", { submit: async (event) => {
      event.preventDefault();
      if (!text.value.trim() || (await send(text.value.trim()))) done();
    } }, el("label", { for: id }, "Thank you. A note, if you like"), text,
    el("div.note-row", null, button("No note", done), el("button.strong", { type: "submit" }, "Send note")));
    after.replaceChildren(form);
    text.focus();
  }

  function done() {
    after.replaceChildren(el("p.soft", null, "Your feedback is kept."));
    (record.rating === "up" ? up : down).focus();
    say("Your feedback is kept.");
  }

  async function send(comment) {
    try {
      await call("feedback", { method: "POST", json: { trace_id: record.trace_id, rating: record.rating, comment } });
      return true;
    } catch (error) {
      after.replaceChildren(el("p.fault", { role: "alert" }, `Not sent: ${error.message}`));
      return false;
    }
  }

  return { box, after };
}
