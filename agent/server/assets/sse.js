// Server-sent events out of pieces of text, wherever these were cut. `EventSource` itself knows only GET.

export class Events {
  #rest = "";

  // The events that are whole now: [{event, data}], the data read as JSON.
  push(text) {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop();
    return blocks.map(read).filter(Boolean);
  }
}

function read(block) {
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length ? { event, data: JSON.parse(data.join("\n")) } : null; // a comment says only that the server lives
}
