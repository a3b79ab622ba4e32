// Sends files to a corpus, in parts that a server takes, and tells how far it is. XMLHttpRequest, since fetch does not tell how much of a body is sent.
import { Failure, corpusPath, failure } from "./api.js";
import { askForKey, authorization } from "./key.js";
import { Events } from "./sse.js";

const MOST_FILES = 200;
const MOST_BYTES = 40_000_000;

// files: [{file, name}]. progress({done, total, text}): of all. Gives {added, updated, unchanged, refused, passages}; throws Failure.
export async function upload(corpus, files, progress, signal) {
  const sum = { added: 0, updated: 0, unchanged: 0, refused: [], passages: 0 };
  let sent = 0;
  for (const part of parts(files)) {
    const before = sent;
    const report = await send(corpus, part, (share, text) => progress({ share: (before + share * part.length) / files.length, text }), signal);
    sent += part.length;
    for (const name of ["added", "updated", "unchanged"]) sum[name] += report[name];
    sum.refused.push(...report.refused);
    sum.passages = report.passages;
  }
  return sum;
}

function parts(files) {
  const made = [];
  let bytes = Infinity;
  for (const one of files) {
    if (bytes + one.file.size > MOST_BYTES || made.at(-1).length === MOST_FILES) {
      made.push([]);
      bytes = 0;
    }
    made.at(-1).push(one);
    bytes += one.file.size;
  }
  return made;
}

// Of one part's work: a third is sending it, a third reading it, a third making passages searchable.
const PHASE = { converting: [0.33, "Reading files"], reading: [0.5, "Making passages"], publishing: [0.85, "Making them searchable"] };

function send(corpus, part, progress, signal) {
  const body = new FormData();
  part.forEach(({ file, name }) => body.append("files", file, name));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const events = new Events();
    let read = 0;
    let last = null;
    const stop = () => { request.abort(); reject(new DOMException("stopped", "AbortError")); };
    const listen = () => {
      if (request.status !== 200) return;
      for (const { event, data } of events.push(request.responseText.slice(read))) {
        if (event === "progress") {
          const [from, text] = PHASE[data.phase] ?? [0.9, "Working"];
          progress(from + (data.total ? 0.15 * (data.done / data.total) : 0), data.source ? `${text}: ${data.source}` : text);
        } else last = { event, data };
      }
      read = request.responseText.length;
    };
    request.open("POST", corpusPath(corpus, "/documents?stream=true"));
    const sent = authorization();
    for (const [name, value] of Object.entries(sent)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => progress(0.33 * (loaded / total), "Sending");
    request.onprogress = listen;
    request.onload = async () => {
      listen();
      signal.removeEventListener("abort", stop);
      if (request.status === 401 && (await askForKey(sent.Authorization))) send(corpus, part, progress, signal).then(resolve, reject);
      else if (request.status !== 200) reject(failure(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      else if (last?.event === "indexed") resolve(last.data);
      else reject(new Failure(last?.data.error?.message ?? "The upload broke off. What was added by then stays."));
    };
    request.onerror = () => reject(new Failure("The upload was cut off: the server is gone, or this is more than it takes."));
    signal.addEventListener("abort", stop, { once: true });
    request.send(body);
  });
}
