// Conversations that this browser keeps: the server remembers questions and answers, the page keeps what else belongs to them, within bounds.

const LIST = "passel:conversations"; // [{id, corpus, title, at}], latest first
const MOST_CONVERSATIONS = 60;
const MOST_TURNS = 40;

const place = (id) => `passel:conversation:${id}`;

function load(name, otherwise) {
  try { return JSON.parse(localStorage.getItem(name)) ?? otherwise; } catch { return otherwise; }
}

export const conversations = (corpus) => load(LIST, []).filter((one) => one.corpus === corpus);

export const turns = (id) => load(place(id), []);

export function keep({ id, corpus }, all) {
  if (!all.length) return;
  const mine = new Set(all.map((one) => one.at));
  all = [...all, ...turns(id).filter((one) => !mine.has(one.at))].sort((a, b) => (a.at ?? 0) - (b.at ?? 0)); // another tab asks in it too
  const others = load(LIST, []).filter((one) => one.id !== id);
  const list = [{ id, corpus, title: all[0].question.slice(0, 120), at: Date.now() }, ...others];
  list.splice(MOST_CONVERSATIONS).forEach((one) => localStorage.removeItem(place(one.id)));
  let kept = all.slice(-MOST_TURNS);
  for (;;) {
    try {
      localStorage.setItem(LIST, JSON.stringify(list));
      localStorage.setItem(place(id), JSON.stringify(kept));
      return;
    } catch { // full, or forbidden: the oldest conversations go first, then this one's oldest turns
      if (list.length > 1) localStorage.removeItem(place(list.pop().id));
      else if (kept.length > 1) kept = kept.slice(1);
      else return;
    }
  }
}

export function drop(id) {
  localStorage.setItem(LIST, JSON.stringify(load(LIST, []).filter((one) => one.id !== id)));
  localStorage.removeItem(place(id));
}

export function dropCorpus(corpus) {
  conversations(corpus).forEach((one) => drop(one.id));
}

// A name that nobody guesses: whoever knows it can read the conversation. (`crypto.randomUUID` is missing on plain http.)
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
