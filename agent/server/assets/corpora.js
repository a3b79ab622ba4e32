// The corpora: which there are, which is asked, and making a new one.
import { call, read } from "./api.js";
import { dialog } from "./dialog.js";
import { byId, count, el } from "./dom.js";

let all = [];

export const corpusNamed = (name) => all.find((one) => one.name === name);
export const firstCorpus = () => all.find((one) => one.default) ?? all[0];

export async function loadCorpora() {
  all = (await read("corpora")).data;
}

export function listCorpora(name) {
  byId("corpus").replaceChildren(...all.map((one) => el("option", { value: one.name, selected: one.name === name }, one.name)));
  byId("corpus").value = name;
}

export function about(corpus) {
  if (corpus.error) return corpus.error;
  return corpus.documents ? count(corpus.documents, "document") : "No documents yet";
}

// Asks for a name until it is a good one. Gives the new corpus, or null.
export async function newCorpus() {
  for (let fault = ""; ;) {
    const name = await dialog({
      title: "New corpus", text: "A corpus is a set of documents that are asked together. Letters, digits, dots and dashes.", label: "Name",
      pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}", yes: "Make", fault,
    });
    if (!name) return null;
    try {
      await call("corpora", { method: "POST", json: { name } });
      await loadCorpora();
      return corpusNamed(name);
    } catch (error) {
      fault = error.message;
    }
  }
}
