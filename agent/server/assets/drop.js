// Files and whole folders that are dropped anywhere on the page.
import { byId } from "./dom.js";

// take(files): [{file, name}], the name with the folders above it. corpus(): where they would go, for the words on the page.
export function offerDrop(corpus, take) {
  let depth = 0; // a drag enters each element that it passes over
  const withFiles = (event) => event.dataTransfer?.types.includes("Files");
  const end = () => { depth = 0; byId("drop").hidden = true; };
  addEventListener("dragenter", (event) => {
    if (!withFiles(event) || !corpus()) return;
    event.preventDefault();
    depth += 1;
    byId("drop").firstElementChild.textContent = `Drop to add to ${corpus()}`;
    byId("drop").hidden = false;
  });
  addEventListener("dragover", (event) => { if (withFiles(event)) event.preventDefault(); });
  addEventListener("dragleave", (event) => { if (withFiles(event) && --depth <= 0) end(); });
  addEventListener("drop", async (event) => {
    if (!withFiles(event)) return;
    event.preventDefault(); // the browser would leave the page and show the file
    end();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = entries.length ? (await Promise.all(entries.map((entry) => walk(entry, "")))).flat() : named(event.dataTransfer.files);
    if (files.length && corpus()) take(files);
  });
}

export const named = (list) => [...list].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

async function walk(entry, above) {
  const name = above + entry.name;
  if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), name }];
  if (entry.name.startsWith(".")) return [];
  const reader = entry.createReader();
  const inside = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!some.length) break;
    inside.push(...some);
  }
  return (await Promise.all(inside.map((one) => walk(one, `${name}/`)))).flat();
}
