// The one dialog: it asks for a word, or for a yes. Gives what was entered (true where there is no field), or null.
import { byId } from "./dom.js";

export function dialog({ title, text = "", label = "", type = "text", pattern = null, yes = "OK", danger = false, fault = "" }) {
  const box = byId("dialog");
  const field = byId("dialog-field");
  const form = box.querySelector("form");
  byId("dialog-title").textContent = title;
  byId("dialog-text").textContent = text;
  byId("dialog-text").hidden = !text;
  byId("dialog-label").textContent = label;
  byId("dialog-label").hidden = field.hidden = !label;
  byId("dialog-fault").textContent = fault;
  byId("dialog-yes").textContent = yes;
  byId("dialog-yes").classList.toggle("danger", danger);
  field.type = type;
  field.value = "";
  field.required = Boolean(label);
  if (pattern) field.pattern = pattern;
  else field.removeAttribute("pattern");
  box.showModal();
  if (label) field.focus();
  else byId("dialog-no").focus();
  return new Promise((resolve) => {
    let given = null;
    form.onsubmit = () => { given = label ? field.value.trim() : true; };
    byId("dialog-no").onclick = () => box.close();
    box.onclose = () => { field.value = ""; resolve(given || null); };
  });
}
