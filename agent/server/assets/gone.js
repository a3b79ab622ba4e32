// The server is gone: said once, and tried until it is there again.
import { byId, say } from "./dom.js";

const EVERY = 3000;
let waiting = false;
const again = [];

export const whenBack = (act) => again.push(act);

export async function gone() {
  if (waiting) return;
  waiting = true;
  if (await lives()) { waiting = false; return; } // one connection broke, and no more
  byId("gone").textContent = "The server cannot be reached. This page tries again every few seconds; nothing that was answered is lost.";
  byId("gone").hidden = false;
  while (!(await lives())) await new Promise((resolve) => setTimeout(resolve, EVERY));
  waiting = false;
  byId("gone").hidden = true;
  say("The server is there again.");
  again.forEach((act) => act());
}

async function lives() {
  try { return (await fetch("healthz", { cache: "no-store" })).ok; } catch { return false; }
}
