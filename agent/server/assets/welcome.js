// What stands in the middle before the first question.
import { corpusPath, read } from "./api.js";
import { button, byId, count, data, el } from "./dom.js";
import { openDocument } from "./passage.js";

export async function welcome(corpus, { choose }) {
  const box = byId("welcome");
  if (corpus.error) {
    box.replaceChildren(el("p.fault", { role: "alert" }, data(corpus.error)));
    return;
  }
  if (!corpus.documents) {
    box.replaceChildren(el("p.welcome-line", null, el("b", null, corpus.name), " is empty. Add some documents first, then ask about them."),
      el("div.adding.large", null, el("p", null, "Drop files or folders here, or"), button("Choose files", choose, "button.strong"),
        el("p.soft", null, "Markdown, text, PDF, Word, HTML, or .jsonl with a document a line")));
    return;
  }
  const some = el("ul.some");
  box.replaceChildren(
    el("p.welcome-line", null, `Answers come from ${count(corpus.documents, "document")} in `, el("b", null, corpus.name), ", each with the passage it rests on, or you are told what is missing."), some);
  try {
    const { data: sources, total } = await read(corpusPath(corpus.name, "/documents?limit=6"));
    some.append(...sources.map((source) => el("li", null, el("button.document", { type: "button", click: () => openDocument(source, corpus.name) }, data(source)))));
    if (total > sources.length) some.append(el("li.soft", null, `and ${(total - sources.length).toLocaleString("en")} more`));
  } catch { /* the list is a help, and no more */ }
}
