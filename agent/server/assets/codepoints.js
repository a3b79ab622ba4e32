// Spans count code points, as Python does; JavaScript's strings count UTF-16 units. Most texts need no difference, and these are cut at once.

const PAIRS = /[\ud800-\udbff][\udc00-\udfff]/;

export class Text {
  constructor(text) {
    this.parts = PAIRS.test(text) ? Array.from(text) : text;
    this.length = this.parts.length;
  }

  slice(start, end) {
    const part = this.parts.slice(Math.max(0, start), Math.max(0, end));
    return typeof part === "string" ? part : part.join("");
  }

  // Where `part` stands first; -1 where it does not.
  indexOf(part) {
    if (typeof this.parts === "string") return this.parts.indexOf(part);
    const whole = this.parts.join("");
    const at = whole.indexOf(part);
    return at < 0 ? at : Array.from(whole.slice(0, at)).length;
  }
}

export function shortened(text, most) {
  const whole = new Text(text);
  return whole.length <= most ? text : `${whole.slice(0, most - 1).trimEnd()}…`;
}
