// The API key: asked for when the server wants one, kept for this tab's session and nowhere else.
import { byId } from "./dom.js";
import { dialog } from "./dialog.js";

const KEPT = "passel:key";
let key = "";
try { key = sessionStorage.getItem(KEPT) || ""; } catch { /* then until the page is left */ }
let asking = null; // several requests may find at once that a key is wanted

export const authorization = () => (key ? { Authorization: `Bearer ${key}` } : {});

function keep(given) {
  key = given;
  try { if (key) sessionStorage.setItem(KEPT, key); else sessionStorage.removeItem(KEPT); } catch { /* as above */ }
  byId("forget-key").hidden = !key;
}

// Whether there is another key now than the one that was `sent`.
export async function askForKey(sent) {
  if (key && authorization().Authorization !== sent) return true;
  asking ??= dialog({
    title: "API key",
    text: "This server asks for a key. It is kept until you close this tab.",
    label: "Key",
    type: "password",
    yes: "Continue",
    fault: key ? "The server does not know this key." : "",
  }).finally(() => { asking = null; });
  const given = await asking;
  if (given) keep(given);
  return Boolean(given);
}

export function offerToForget() {
  byId("forget-key").hidden = !key;
  byId("forget-key").addEventListener("click", () => { keep(""); location.reload(); });
}
