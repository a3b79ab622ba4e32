// The panel "Documents": what is in a corpus, adding to it with progress, what was refused and why, and deleting.
import { call, corpusPath, read } from "./api.js";
import { dialog } from "./dialog.js";
import { button, byId, count, data, el, iconButton, say } from "./dom.js";
import { put, show, shows } from "./drawer.js";
import { named } from "./drop.js";
import { openDocument } from "./passage.js";
import { upload } from "./upload.js";

const PAGE = 200;
const uploads = new Map(); // corpus → {boxes: an element that tells of its uploads, left: how many, last: its end}: they go on when the panel is closed

export const openDocuments = (corpus, hooks) => fill(corpus, hooks, show);

// changed(): the corpus has more or less in it than before. deleted(name): it is gone. place: `show`, or `put` where nobody asked for it.
async function fill(corpus, { changed, deleted }, place) {
  const head = el("p.lead", null, "…");
  const list = el("ol.documents", { "aria-label": "Documents" });
  const more = el("div.below");
  const view = el("div.documents-view", null, head,
    el("div.adding", null, el("p", null, "Drop files or folders anywhere on this page, or"), button("Choose files", () => byId("files").click(), "button.strong"),
      el("p.soft", null, "Markdown, text, PDF, Word, HTML, or .jsonl with a document a line")),
    uploads.get(corpus.name)?.boxes ?? null, list, more,
    corpus.default ? null : el("p.below.end", null, button(`Delete the corpus ${corpus.name}`, () => removeCorpus(corpus, deleted), "button.quiet.danger")));
  place(`Documents in ${corpus.name}`, view);

  async function page(after) {
    try {
      const found = await read(corpusPath(corpus.name, `/documents?limit=${PAGE}&after=${encodeURIComponent(after)}`));
      if (!shows(view)) return;
      head.textContent = found.total ? `${count(found.total, "document")}.` : "This corpus is empty.";
      list.append(...found.data.map((source) => row(source, corpus, changed)));
      const last = found.data.at(-1);
      more.replaceChildren(...(found.data.length === PAGE ? [button("Show more", () => page(last))] : []));
    } catch (error) {
      if (shows(view)) head.replaceChildren(el("span.fault", { role: "alert" }, error.message));
    }
  }
  await page("");
}

function row(source, corpus, changed) {
  const item = el("li", null,
    el("button.document", { type: "button", click: () => openDocument(source, corpus.name) }, data(source)),
    iconButton("bin", `Delete ${source}`, async () => {
      if (!(await dialog({ title: "Delete this document?", text: `${source} and its passages leave the corpus ${corpus.name}.`, yes: "Delete", danger: true }))) return;
      try {
        await call(corpusPath(corpus.name, `/document?source=${encodeURIComponent(source)}`), { method: "DELETE" });
        const next = item.nextElementSibling ?? item.previousElementSibling;
        item.remove();
        (next?.querySelector("button") ?? byId("panel-title")).focus();
        say(`${source} is deleted.`);
        changed();
      } catch (error) {
        item.append(el("p.fault", { role: "alert" }, error.message));
      }
    }));
  return item;
}

async function removeCorpus(corpus, deleted) {
  const text = `All ${count(corpus.documents, "document")} of ${corpus.name} and the conversations about them are deleted. This cannot be undone.`;
  if (!(await dialog({ title: `Delete ${corpus.name}?`, text, yes: "Delete corpus", danger: true }))) return;
  try {
    await call(corpusPath(corpus.name), { method: "DELETE" });
    deleted(corpus.name);
  } catch (error) {
    byId("panel-body").append(el("p.fault", { role: "alert" }, error.message));
  }
}

// Adds files, after those that are being added to the corpus: the panel opens and tells how far it is, and in the end what came of each.
export function add(corpus, files, hooks) {
  const queue = uploads.get(corpus.name) ?? { boxes: el("div.uploads"), left: 0, last: null };
  const bar = el("progress", { max: 1, value: 0, "aria-label": `Adding ${count(files.length, "file")}` });
  const text = el("p.soft", null, queue.left ? "Waiting for the files before" : "Sending");
  const ending = new AbortController();
  const stop = () => { ending.abort(); text.textContent = "Stopping"; };
  const box = el("section.upload", { "aria-label": "Upload" }, el("h3", null, `Adding ${count(files.length, "file")}`), bar, text, button("Stop", stop));
  queue.boxes.append(box);
  queue.left += 1;
  uploads.set(corpus.name, queue);
  openDocuments(corpus, hooks);
  say(`Adding ${count(files.length, "file")} to ${corpus.name}.`);
  queue.last = work(queue.last);
  return queue.last;

  async function work(before) {
    await before;
    try {
      ending.signal.throwIfAborted();
      const report = await upload(corpus.name, files, (now) => { bar.value = now.share; text.textContent = now.text; }, ending.signal);
      box.replaceChildren(...told(report, files.length));
    } catch (error) {
      const words = error.name === "AbortError" ? "Stopped. What was added by then stays." : error.message;
      const again = () => { box.remove(); add(corpus, files, hooks); };
      box.replaceChildren(el("h3", null, "Not all was added"), el("p.fault", { role: "alert" }, words), button("Try again", again));
    }
    try {
      await hooks.changed();
      if (shows(box)) await fill(corpus, hooks, put); // nobody is taken away from a question they are writing
    } catch (error) {
      box.append(el("p.fault", { role: "alert" }, error.message));
    } finally {
      queue.left -= 1;
      if (!queue.left) uploads.delete(corpus.name); // what they tell stays until the panel is opened anew
    }
  }
}

function told(report, files) {
  const parts = [["added", "added"], ["updated", "replaced"], ["unchanged", "known already"]].filter(([name]) => report[name]).map(([name, word]) => `${report[name].toLocaleString("en")} ${word}`);
  const line = parts.length ? `${parts.join(", ")}.` : "Nothing was added.";
  say(`${count(files, "file")}: ${line} ${report.refused.length ? `${report.refused.length} refused.` : ""}`);
  return [
    el("h3", null, line),
    report.refused.length ? el("div.refused", null, el("p", null, `${count(report.refused.length, "file was", "files were")} refused:`),
      el("ul", null, report.refused.map(({ path, reason }) => el("li", null, data(path, "b"), el("span.why", null, data(reason)))))) : "",
  ];
}

export function offerFiles(take) {
  byId("files").addEventListener("change", () => {
    const files = named(byId("files").files);
    byId("files").value = ""; // the same file may be chosen again
    if (files.length) take(files);
  });
}
