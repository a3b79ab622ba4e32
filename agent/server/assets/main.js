// Puts the page together: which corpus, which conversation, and what the keys do. The address keeps both, so that a reload and a bookmark find them.
import { call } from "./api.js";
import { offerColours } from "./colours.js";
import { Conversation } from "./conversation.js";
import { about, corpusNamed, firstCorpus, listCorpora, loadCorpora, newCorpus } from "./corpora.js";
import { dialog } from "./dialog.js";
import { add, offerFiles, openDocuments } from "./documents.js";
import { byId, data, el, iconButton } from "./dom.js";
import { closePanel, closeSide, offerDrawers } from "./drawer.js";
import { offerDrop } from "./drop.js";
import { whenBack } from "./gone.js";
import * as kept from "./kept.js";
import { offerToForget } from "./key.js";
import { welcome } from "./welcome.js";

let corpus = null;
let conversation = null;
let begun; // resolves when there is a conversation: whoever types faster than the page loads must not lose the question
const ready = new Promise((resolve) => { begun = resolve; });

const hooks = { changed: refresh, deleted };

// [corpus, conversation] in the address; a broken one names neither.
function address() {
  try { return location.hash.slice(1).split("/").map(decodeURIComponent); } catch { return []; }
}

async function refresh() {
  await loadCorpora();
  if (!corpusNamed(corpus.name)) { closePanel(); return open(firstCorpus().name, undefined, "replaceState"); } // somebody else has deleted it
  corpus = corpusNamed(corpus.name);
  listCorpora(corpus.name);
  describe();
  if (!conversation.records.length) welcome(corpus, { choose: () => byId("files").click() });
}

async function deleted(name) {
  if (conversation.corpus === name) await conversation.stop(); // in its end it keeps what it has
  kept.dropCorpus(name);
  await loadCorpora();
  if (corpus.name !== name) { listCorpora(corpus.name); return; } // another one was chosen meanwhile
  closePanel();
  await open(firstCorpus().name);
}

function describe() {
  document.querySelector(".bar-corpus").replaceChildren(data(corpus.name));
  byId("documents").querySelector("span").textContent = about(corpus);
}

// A conversation of a corpus; without an id a new one. leave: what becomes of the address before; a step back or a reload must not add one.
async function open(name, id, leave = "pushState") {
  conversation?.stop();
  corpus = corpusNamed(name) ?? firstCorpus();
  if (corpus.name !== name) id = undefined; // a conversation belongs to its corpus
  listCorpora(corpus.name);
  describe();
  const opened = new Conversation(corpus.name, id, { ask, running: (yes) => { if (conversation === opened) running(yes); }, kept: list });
  conversation = opened;
  running(false);
  const here = `#${encodeURIComponent(corpus.name)}${id ? `/${encodeURIComponent(id)}` : ""}`;
  if (location.hash !== here) history[leave](null, "", here);
  list();
  const there = id ? await opened.restore().catch(() => false) : false;
  if (conversation !== opened) return;
  fresh(!there);
  if (!there) welcome(corpus, { choose: () => byId("files").click() });
  else opened.box.lastElementChild.scrollIntoView({ block: "start", behavior: "instant" });
}

function fresh(yes) {
  byId("welcome").hidden = !yes;
  document.body.classList.toggle("fresh", yes);
}

function list() {
  byId("conversations").replaceChildren(...kept.conversations(corpus.name).map((one) => el("li", null,
    el("button.conversation", { type: "button", "aria-current": one.id === conversation.id ? "true" : null, click: () => { closeSide(); closePanel(); if (one.id !== conversation.id) open(one.corpus, one.id); } }, data(one.title)),
    iconButton("bin", `Delete the conversation: ${one.title}`, () => forget(one)))));
}

async function forget(one) {
  if (!(await dialog({ title: "Delete this conversation?", text: one.title, yes: "Delete", danger: true }))) return;
  if (one.id === conversation.id) await conversation.stop(); // or its end would write it back, here and on the server
  try {
    await call(`threads/${encodeURIComponent(one.id)}?corpus=${encodeURIComponent(one.corpus)}`, { method: "DELETE" });
  } catch (error) {
    await dialog({ title: "The server did not delete it", text: error.message, yes: "Close" });
    return;
  }
  kept.drop(one.id);
  if (one.id === conversation.id) await open(corpus.name);
  list();
  byId("new").focus();
}

async function ask(question) {
  if (conversation.running) return;
  closePanel(); // it shows an earlier answer's sources
  if (matchMedia("(pointer: coarse)").matches) byId("question").blur(); // its keyboard would cover the answer
  else byId("question").focus({ preventScroll: true });
  fresh(false);
  history.replaceState(null, "", `#${encodeURIComponent(corpus.name)}/${conversation.id}`);
  await conversation.ask(question);
}

function running(yes) {
  const send = byId("send");
  send.setAttribute("aria-label", yes ? "Stop" : "Ask");
  send.querySelector("use").setAttribute("href", yes ? "#i-stop" : "#i-send");
  document.body.classList.toggle("running", yes);
}

function start() {
  closeSide();
  closePanel();
  open(corpus.name);
  byId("question").focus();
}

function offerQuestion() {
  const field = byId("question");
  if (!CSS.supports("field-sizing", "content")) { // a browser that does not let the field grow by itself
    field.addEventListener("input", () => { field.style.height = "auto"; field.style.height = `${field.scrollHeight}px`; });
  }
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!conversation?.running) byId("ask").requestSubmit();
  });
  byId("ask").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (conversation?.running) { conversation.stop(); return; }
    await ready;
    const question = field.value.trim();
    if (!question || conversation.running) return;
    field.value = "";
    field.style.height = "";
    ask(question);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      closeSide();
      field.focus();
    }
  });
}

async function begin() {
  try {
    await loadCorpora();
  } catch (error) {
    byId("welcome").hidden = false;
    byId("welcome").replaceChildren(el("p.fault", { role: "alert" }, error.message), el("p", null, el("button.strong", { type: "button", click: begin }, "Try again")));
    return;
  }
  const [name, id] = address();
  await open(name, id, "replaceState");
  begun();
}

offerColours();
offerDrawers();
offerToForget();
offerQuestion();
document.querySelector(".skip").addEventListener("click", (event) => { // the address is taken by the conversation
  event.preventDefault();
  byId("question").focus();
});
offerFiles((files) => add(corpus, files, hooks));
offerDrop(() => corpus?.name, (files) => add(corpus, files, hooks));
byId("new").addEventListener("click", start);
byId("bar-new").addEventListener("click", start);
byId("attach").addEventListener("click", () => byId("files").click());
byId("documents").addEventListener("click", () => openDocuments(corpus, hooks));
byId("corpus").addEventListener("change", () => { closePanel(); open(byId("corpus").value); });
byId("new-corpus").addEventListener("click", async () => {
  const made = await newCorpus();
  if (made) { closePanel(); await open(made.name); }
});
addEventListener("popstate", () => { const [name, id] = address(); closePanel(); open(name, id, "replaceState"); });
whenBack(() => { if (corpus) refresh(); else begin(); });
begin();
