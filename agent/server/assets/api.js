// Requests to this server: with the key, with failures in its words. Paths are relative, so that a proxy may serve the page below a path of its own.
import { askForKey, authorization } from "./key.js";
import { gone } from "./gone.js";
import { Events } from "./sse.js";

export class Failure extends Error {
  constructor(message, { status = 0, code = null, wait = 0 } = {}) {
    super(message);
    Object.assign(this, { status, code, wait });
  }
}

// A response that is well. Throws Failure, and what fetch throws where `signal` ends it.
export async function call(path, { method = "GET", json = undefined, signal = undefined } = {}) {
  const headers = { ...authorization(), ...(json === undefined ? {} : { "Content-Type": "application/json" }) };
  const sent = headers.Authorization;
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: json === undefined ? undefined : JSON.stringify(json), cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    gone();
    throw new Failure("The server cannot be reached.");
  }
  if (response.ok) return response;
  if (response.status === 401 && (await askForKey(sent))) return call(path, { method, json, signal });
  throw failure(response.status, await response.text().catch(() => ""), response.headers.get("Retry-After"));
}

export const read = async (path, options) => (await call(path, options)).json();

// The events of a stream as they come. One that breaks off just ends: the last event tells whether it was whole.
export async function* stream(path, options) {
  const response = await call(path, options);
  const events = new Events();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield* events.push(value);
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
  } finally {
    reader.cancel().catch(() => {});
  }
}

export function failure(status, body, retryAfter = null) {
  let told = {};
  try { told = JSON.parse(body).error || {}; } catch { /* a proxy's own words */ }
  const message = told.message || (status === 413 ? "This is more than the server takes at once." : `The server answered with status ${status}.`);
  return new Failure(message, { status, code: told.code, wait: Number(retryAfter) || 0 });
}

export const corpusPath = (corpus, rest = "") => `corpora/${encodeURIComponent(corpus)}${rest}`;
