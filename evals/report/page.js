// What moves on the page: the theme, sorting, tooltips, and the questions. Everything from data goes through textContent.
"use strict";

const PER_PAGE = 40;
const stored = (() => { try { return localStorage.getItem("passel-theme"); } catch { return null; } })();
if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;

document.addEventListener("DOMContentLoaded", () => {
  offerTheme();
  document.querySelectorAll(".bar nav a").forEach((link) => { link.hidden = !document.querySelector(link.getAttribute("href")); });
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll("figure .plot").forEach(offerPoints);
  browse(JSON.parse(document.getElementById("data").textContent));
});

// An element: el("p.note", {lang: "en"}, "text", child, null). Strings become text, never markup.
function el(kind, attributes, ...children) {
  const [tag, ...classes] = kind.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return node;
}

// Text of the data: it keeps its own direction and cannot reorder what stands beside it.
const data = (text, kind = "span") => el(`${kind}.data`, { dir: "auto" }, String(text));
const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const fixed = (value, places = 3) => (value === null || value === undefined ? "–" : value.toFixed(places));

function offerTheme() {
  const button = document.getElementById("theme");
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", `${button.textContent} colours`); };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("passel-theme", document.documentElement.dataset.theme); } catch { /* a page from a file may not be allowed to */ }
    name();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
  button.hidden = false;
}

// A click on a column's name sorts: most first, then least first, then as it was. Empty places stay last.
function makeSortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.classList.contains("figure") ? null : cell.textContent.trim();
  };
  heads.forEach((head, column) => {
    if (column === 0) return;
    const button = el("button", { type: "button", click: () => {
      const next = { null: "descending", descending: "ascending", ascending: null }[head.getAttribute("aria-sort")];
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (!next) { body.append(...original); return; }
      head.setAttribute("aria-sort", next);
      const sign = next === "descending" ? -1 : 1;
      body.append(...[...original].sort((a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
      }));
    } }, ...head.childNodes);
    head.append(button);
  });
}

// Tooltips of a figure: by the pointer the nearest point, by arrow keys one point after the other. The words are those of its table of numbers.
function offerPoints(plot) {
  const svg = plot.querySelector("svg");
  const tip = plot.querySelector(".tip");
  const here = svg.querySelector(".here");
  const table = plot.closest("figure").querySelector(".numbers table");
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const series = [...svg.querySelectorAll(".series")].filter((group) => group.dataset.at).map((group) => ({
    ours: group.classList.contains("ours"),
    points: group.dataset.at.split(" ").map((pair, i) => {
      const [x, y] = pair.split(",").map(Number);
      return { x, y, row: Number(group.dataset.row) + i };
    }),
  }));
  const { width, height } = svg.viewBox.baseVal;
  let at = null;

  const hide = () => { tip.replaceChildren(); here.setAttribute("visibility", "hidden"); };
  const show = (s, i) => {
    at = [s, i];
    const point = series[s].points[i];
    const [name, label, x, y] = [...table.tBodies[0].rows[point.row].cells].map((cell) => cell.textContent);
    tip.replaceChildren(el("b", {}, label && label !== name ? `${name}: ${label}` : name), el("span", {}, `${heads[3]} ${y}`), el("span", {}, `${heads[2]} ${x}`));
    tip.style.left = `${(100 * point.x) / width}%`;
    tip.style.top = `${(100 * point.y) / height}%`;
    tip.className = `tip${point.y < height * 0.35 ? " below" : ""}${point.x < width * 0.3 ? " leftmost" : point.x > width * 0.7 ? " rightmost" : ""}`;
    here.setAttribute("cx", point.x);
    here.setAttribute("cy", point.y);
    here.setAttribute("visibility", "visible");
  };
  plot.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const [px, py] = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    let best = null;
    series.forEach((each, s) => each.points.forEach((point, i) => {
      const distance = Math.hypot(point.x - px, point.y - py) - (each.ours ? 4 : 0);
      if (best === null || distance < best[0]) best = [distance, s, i];
    }));
    if (best && best[0] < 70) show(best[1], best[2]); else hide();
  });
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("blur", hide);
  plot.addEventListener("focus", () => { if (plot.matches(":focus-visible")) show(...(at || [series.length - 1, 0])); });
  plot.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { hide(); return; }
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] }[event.key];
    if (!step || !series.length) return;
    event.preventDefault();
    const [s, i] = at || [series.length - 1, 0];
    const next = (s + step[0] + series.length) % series.length;
    show(next, Math.min(series[next].points.length - 1, Math.max(0, i + step[1])));
  });
}

// The questions: a list that is filtered, sorted and paged; the open one is drawn when it is opened.
function browse({ scores, channels, passages, cut, questions }) {
  const list = document.getElementById("list");
  const status = document.getElementById("status");
  const controls = document.getElementById("controls");
  const pager = document.getElementById("pager");
  if (!questions.length) { status.textContent = "No question was kept with this page."; return; }
  const byKey = new Map(questions.map((question, n) => [question.key, n]));
  const NONE = "\u0000"; // stands for an empty name among the choices, where "" stands for all
  const everything = { show: "all", type: "", dataset: "", variant: "", score: 0, sort: "file", search: "" };
  const ours = ["selector", ""].find((name) => questions.some((question) => (question.variant || "") === name));
  const state = { ...everything, variant: ours === undefined ? "" : ours || NONE, page: 0, open: null };
  const asked = questions.some((question) => question.answer || question.citations); // else only passages were asked for
  const thought = questions.some((question) => question.confidence || question.answerable);
  let view = [];

  const scoreOf = (question) => question.scores?.[state.score] ?? null;
  const gradeOf = (question) => {
    const score = scoreOf(question);
    return score === null ? "unknown" : score >= 0.9995 ? "right" : score <= 0.0005 ? "wrong" : "partly";
  };
  const SIGNS = { right: ["✓", "right"], partly: ["◐", "partly right"], wrong: ["✗", "wrong"], unknown: ["·", "not scored"] };
  const SHOW = {
    all: ["All", () => true],
    right: ["Right", (question) => gradeOf(question) === "right"],
    partly: ["Partly right", (question) => gradeOf(question) === "partly"],
    wrong: ["Wrong", (question) => gradeOf(question) === "wrong"],
    abstained: ["Abstained", (question) => question.outcome === "abstained"],
    budget: ["Out of budget", (question) => question.outcome === "out_of_budget"],
    failed: ["Failed", (question) => question.outcome === "failed"],
    unknown: ["Not scored", (question) => gradeOf(question) === "unknown"],
  };
  const least = (value) => (question) => value(question) ?? Infinity;
  const most = (value) => (question) => -(value(question) ?? -Infinity);
  const SORT = {
    file: ["as in the file", null],
    lowest: ["lowest score first", least(scoreOf)],
    highest: ["highest score first", most(scoreOf)],
    confident: ["most confident first", most((question) => question.confidence)],
    unsure: ["least confident first", least((question) => question.confidence)],
    many: ["most passages chosen first", most((question) => (question.chosen || []).length)],
    tokens: ["most evidence tokens first", most((question) => question.usage?.evidence_tokens)],
    slow: ["slowest first", most((question) => question.ms)],
  };
  const haystacks = new Map();
  const haystack = (question) => {
    if (!haystacks.has(question)) {
      const titles = (question.chosen || []).map(([p]) => passages[p][0]);
      haystacks.set(question, [question.key, question.question, question.answer, ...(question.answers || []), ...titles].join("\n").toLowerCase());
    }
    return haystacks.get(question);
  };

  if (questions.some((question) => question.gold)) {
    const legend = document.getElementById("legend");
    for (const [style, words] of [["hit", "evidence, chosen"], ["other", "no evidence, chosen"], ["missed", "evidence, missed"]]) {
      legend.append(el("span", {}, el("span.strip", { "aria-hidden": "true" }, el(`i.${style}`)), words));
    }
    legend.hidden = false;
  }

  // Controls
  const chips = controls.querySelector(".chips");
  const chipCounts = {};
  for (const [key, [label, matches]] of Object.entries(SHOW)) {
    if (!["all", "right", "wrong"].includes(key) && !questions.some(matches)) continue;
    chipCounts[key] = el("b");
    chips.append(el("label", {}, el("input", { type: "radio", name: "show", value: key, checked: key === "all", change: () => change({ show: key }) }), el("span", {}, `${label} `, chipCounts[key])));
  }
  const selects = {};
  const offer = (key, label, options) => {
    if (options.length < 2) return;
    selects[key] = el("select", { id: `choose-${key}`, change: (event) => change({ [key]: key === "score" ? Number(event.target.value) : event.target.value }) },
      ...options.map(([value, text]) => el("option", { value }, text)));
    controls.querySelector(".selects").append(el("div", {}, el("label", { for: `choose-${key}` }, label), selects[key]));
  };
  const distinct = (key) => [...new Set(questions.map((question) => question[key] || ""))].sort();
  for (const [key, label] of [["dataset", "Data"], ["variant", "Variant"], ["type", "Type"]]) {
    const values = distinct(key);
    if (values.length > 1) offer(key, label, [["", "all"], ...values.map((value) => [value || NONE, value || (key === "variant" ? "ours" : "none")])]);
  }
  offer("score", "Score", scores.map((name, i) => [i, name]));
  offer("sort", "Order", Object.entries(SORT).filter(([, [, key]]) => !key || questions.some((question) => Number.isFinite(key(question)))).map(([key, [label]]) => [key, label]));
  if (selects.variant) selects.variant.value = state.variant;
  const search = document.getElementById("search");
  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => change({ search: search.value }), 120); });
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.hidden = false;
  document.querySelector(".keys").hidden = false;

  function change(what) {
    Object.assign(state, what, { page: 0, open: null });
    address(null);
    update();
  }

  function update() {
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = [];
    questions.forEach((question, n) => {
      for (const key of ["dataset", "variant", "type"]) {
        if (state[key] && (question[key] || NONE) !== state[key]) return;
      }
      if (words.length && !words.every((word) => haystack(question).includes(word))) return;
      matching.push(n);
    });
    for (const [key, node] of Object.entries(chipCounts)) node.textContent = matching.filter((n) => SHOW[key][1](questions[n])).length.toLocaleString("en");
    view = matching.filter((n) => SHOW[state.show][1](questions[n]));
    const order = SORT[state.sort][1];
    if (order) {
      const values = new Map(view.map((n) => [n, order(questions[n])]));
      view.sort((a, b) => (values.get(a) === values.get(b) ? a - b : values.get(a) - values.get(b)));
    }
    draw();
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(view.length / PER_PAGE));
    const shown = view.slice(state.page * PER_PAGE, (state.page + 1) * PER_PAGE);
    status.textContent = view.length ? `${count(view.length, "question")}${view.length < questions.length ? ` of ${questions.length.toLocaleString("en")}` : ""}` + (pages > 1 ? `, ${state.page * PER_PAGE + 1} to ${state.page * PER_PAGE + shown.length} shown` : "") : "No question is like that.";
    list.start = state.page * PER_PAGE + 1;
    list.replaceChildren(...shown.map(row));
    const turn = (step) => () => { state.page += step; state.open = null; address(null); draw(); document.getElementById("section-questions").scrollIntoView(); };
    pager.replaceChildren(
      el("button.plain", { type: "button", disabled: state.page === 0, click: turn(-1) }, "Previous page"),
      el("span", {}, `${state.page + 1} of ${pages}`),
      el("button.plain", { type: "button", disabled: state.page >= pages - 1, click: turn(1) }, "Next page"),
    );
    pager.hidden = pages < 2;
  }

  function row(n) {
    const question = questions[n];
    const grade = gradeOf(question);
    const score = scoreOf(question);
    const button = el("button", { type: "button", "aria-expanded": "false", click: () => (state.open === n ? close() : open(n)) },
      el(`span.grade.${grade}`, { "aria-label": SIGNS[grade][1], role: "img" }, SIGNS[grade][0]),
      el("span.asks", {}, data(question.question)),
      strip(question),
      el("span.score", { title: scores[state.score] || "" }, score === null ? "" : fixed(score)),
      el("span.meta", {},
        question.outcome && question.outcome !== "answered" ? el(`span.outcome.${/^[a-z_]+$/.test(question.outcome) ? question.outcome : "other"}`, {}, question.outcome.replaceAll("_", " ")) : null,
        question.answer && ["answered", "partial"].includes(question.outcome) ? el("span", {}, "→ ", data(question.answer.length > 90 ? `${question.answer.slice(0, 90)}…` : question.answer)) : null,
        question.type ? data(question.type.replaceAll("_", " ")) : null,
        distinctShown("dataset") && question.dataset ? data(question.dataset) : null,
        distinctShown("variant") ? data(question.variant || "ours") : null));
    return el("li.question", { "data-n": n }, el("h3", {}, button));
  }
  const distinctShown = (key) => key in selects;

  // A square for each passage chosen (filled: evidence), a dashed circle for each that was missed.
  function strip(question) {
    if (!question.chosen && !question.gold) return el("span.strip");
    const { chosen, missed, lost } = judged(question);
    const words = question.gold ? `${count(chosen.filter((each) => each.gold).length, "passage")} of evidence chosen, ${chosen.filter((each) => !each.gold).length} other, ${missed.length + lost} missed` : `${count(chosen.length, "passage")} chosen`;
    return el("span.strip", { role: "img", "aria-label": words, title: words }, ...chosen.map((each) => el(each.gold ? "i.hit" : "i")), ...Array.from({ length: missed.length + lost }, () => el("i.missed")));
  }

  // What was chosen and what was missed, each with its place in the ranking.
  function judged(question) {
    const gold = question.gold ? new Set(question.gold) : null;
    const ranks = new Map((question.ranking || []).map(([p, score, tokens], i) => [p, { rank: i + 1, score, tokens }]));
    const chosen = (question.chosen || []).map(([p, relevance]) => ({ p, relevance, gold: gold ? gold.has(p) : null, ...ranks.get(p) }));
    const took = new Set(chosen.map((each) => each.p));
    const inRanking = (question.gold || []).filter((p) => !took.has(p) && ranks.has(p)).map((p) => ({ p, ...ranks.get(p) }));
    const missed = [...inRanking.sort((a, b) => a.rank - b.rank), ...(question.absent || []).filter((p) => !took.has(p)).map((p) => ({ p, rank: null }))];
    const lost = gold ? Math.max(0, (question.golds || 0) - missed.length - chosen.filter((each) => each.gold).length) : 0;
    return { gold, chosen, missed, lost };
  }

  function open(n, { move = false } = {}) {
    let position = view.indexOf(n);
    if (position < 0) {
      Object.assign(state, everything);
      search.value = "";
      controls.querySelector('input[value="all"]').checked = true;
      for (const [key, select] of Object.entries(selects)) select.value = state[key];
      update();
      position = view.indexOf(n);
    }
    const drawn = detail(questions[n], position);
    const before = list.querySelector(`[data-n="${n}"]`)?.getBoundingClientRect().top;
    if (Math.floor(position / PER_PAGE) !== state.page) { state.page = Math.floor(position / PER_PAGE); draw(); }
    fold();
    state.open = n;
    const item = list.querySelector(`[data-n="${n}"]`);
    item.classList.add("open");
    item.querySelector("button").setAttribute("aria-expanded", "true");
    item.append(drawn);
    if (move) { item.scrollIntoView({ behavior: "instant" }); item.querySelector("button").focus({ preventScroll: true }); }
    else if (before !== undefined) scrollBy({ top: item.getBoundingClientRect().top - before, behavior: "instant" });
    address(questions[n].key);
  }

  function fold() {
    const item = list.querySelector(".open");
    if (!item) return;
    item.classList.remove("open");
    item.querySelector("button").setAttribute("aria-expanded", "false");
    item.querySelector(".detail").remove();
  }

  function close() {
    const item = list.querySelector(".open");
    fold();
    state.open = null;
    address(null);
    item?.querySelector("button").focus({ preventScroll: true });
    item?.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  function address(key) {
    const hash = key === null ? "" : `#${encodeURIComponent(key)}`;
    if (location.hash === hash) return;
    try { history.replaceState(null, "", hash || location.pathname + location.search); } catch { /* the link is only a convenience */ }
  }

  function step(by) {
    if (!view.length) return;
    const position = state.open === null ? (by > 0 ? state.page * PER_PAGE - 1 : state.page * PER_PAGE + 1) : view.indexOf(state.open);
    const next = Math.min(view.length - 1, Math.max(0, position + by));
    if (view[next] !== state.open) open(view[next], { move: true });
  }

  // One question, whole
  function detail(question, position) {
    const { gold, chosen, missed, lost } = judged(question);
    const answerWords = (question.answers || []).filter((answer) => answer.length > 1 && !["yes", "no", "noanswer"].includes(answer.toLowerCase()));
    const quotes = (question.citations || []).map(([, , quote]) => quote);
    const cited = (question.citations || []).map(([p, title, quote, sub], i) =>
      el("li", { tabindex: -1 }, el("span", {}, `[${i + 1}]`), el("span", {}, data(quote, "q"), " ", data(p !== null && passages[p] ? passages[p][0] : title), sub ? el("span", {}, " for “", data(sub), "”") : null)));
    const texts = (p) => annotated(passages[p][1], quotes, answerWords);

    const pair = el(".pair", {},
      el("div", {}, el("h4", {}, question.gold_answerable === false ? "Expected" : "Accepted answer"),
        el("p.said", {}, question.gold_answerable === false ? "no answer: the evidence is not there" : question.answers ? data(question.answers[0]) : question.gold_answerable === true ? "an answer (its wording is not known)" : "not known"),
        question.answers && question.gold_answerable !== false && question.answers.length > 1 ? el("p.also", {}, "also ", ...question.answers.slice(1).flatMap((answer, i) => (i ? [", ", data(answer)] : [data(answer)]))) : null),
      asked || question.outcome !== "answered" ? el("div", {}, el("h4", {}, { answered: "Our answer", partial: "Our answer, in part", abstained: "We abstained", out_of_budget: "The budget ran out", failed: "It failed" }[question.outcome] || question.outcome || "Our answer"),
        el("p.said", {}, question.answer ? withCitations(question.answer, cited) : "–")) : null,
      cited.length ? el("ol.cites", {}, ...cited) : null);

    const reading = el(".reading", {},
      pair,
      question.error ? el("p.error", { role: "note" }, data(question.error)) : null,
      question.chosen || question.gold ? el("div", {}, el("h4", {}, chosen.length ? `Chosen, in this order${!gold ? "" : question.golds ? `: ${chosen.filter((each) => each.gold).length} of ${count(question.golds, "passage")} of evidence` : "; there is no evidence"}` : "Nothing was chosen"),
        el("ol", {}, ...chosen.map((each, i) => el(`li.passage${each.gold ? ".hit" : ""}`, {},
          el(".top", {}, el("span.nth", {}, `${i + 1}.`), data(passages[each.p][0] || "untitled", "b"), gold ? (each.gold ? el("span.tag.hit", {}, "✓ evidence") : el("span.tag", {}, "not evidence")) : null),
          el(".under", {}, meter(each.relevance, each.gold ? "hit" : "", "relevance"), each.rank ? el("span", {}, `ranked ${each.rank}`) : null, each.tokens ? el("span", {}, count(each.tokens, "token")) : null),
          el("p.text", { dir: "auto" }, ...texts(each.p)))))) : null,
      missed.length || lost ? el("div", {}, el("h4", {}, "Evidence that was missed"),
        el("ol", {}, ...missed.map((each) => el("li.passage.missed", {},
          el(".top", {}, data(passages[each.p][0] || "untitled", "b"), el("span.tag.miss", {}, each.rank ? "○ missed" : "○ not among the candidates")),
          each.rank ? el(".under", {}, meter(each.score, "miss", "score"), el("span", {}, `ranked ${each.rank}`), each.tokens ? el("span", {}, count(each.tokens, "token")) : null) : null,
          el("p.text", { dir: "auto" }, ...texts(each.p))))),
        lost ? el("p.note", {}, `${count(lost, "more passage")} of evidence ${lost === 1 ? "was" : "were"} not among the candidates.`) : null) : null,
      question.ranking ? el("div", {}, el("h4", {}, `All ${count(question.ranking.length, "candidate")}, as they were ranked`), el("ol.ranking", {}, ...question.ranking.map((each, i) => candidate(each, i, gold, chosen, texts))),
        question.ranking.some(([p]) => cut && passages[p][1].length <= cut && passages[p][1].endsWith("…")) ? el("p.note", {}, `Texts that are neither chosen nor evidence are cut at ${cut} characters.`) : null) : null);

    const usage = question.usage || {};
    const facts = (head, pairs) => { const kept = pairs.filter(([, value]) => value !== null && value !== undefined && value !== ""); return kept.length ? el("div", {}, el("h4", {}, head), el("dl.facts", {}, ...kept.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]))) : null; };
    const number = (value, unit = "") => (value ? value.toLocaleString("en") + unit : null);
    const aside = el(".aside", {},
      facts("Scores", scores.map((name, i) => [name, question.scores?.[i] === undefined || question.scores[i] === null ? null : meter(question.scores[i], "ours")])),
      question.stop ? el("div", {}, el("h4", {}, "Why it stopped there"), data(question.stop, "p")) : null,
      thought && facts("What it thought", [["evidence suffices", question.answerable === undefined ? null : fixed(question.answerable, 2)], ["answer is right", question.confidence === undefined ? null : fixed(question.confidence, 2)]]),
      question.subs ? el("div", {}, el("h4", {}, "Sub-questions"), el("ol.steps", {}, ...question.subs.map(([id, text, after, answer]) =>
        el("li", {}, el("span.nth", {}, `#${id}`), data(text), answer ? el("span", {}, " → ", data(answer, "b")) : null, after.length ? el("span.why", {}, ` after ${after.map((each) => `#${each}`).join(", ")}`) : null)))) : null,
      question.queries ? el("div", {}, el("h4", {}, "Searched for"), el("ol.steps", {}, ...question.queries.map(([text, reason, sub], i) =>
        el("li", {}, el("span.nth", {}, `${i + 1}.`), data(text), el("span.why", {}, ` ${String(reason).replaceAll("_", " ")}${sub === null || sub === undefined ? "" : ` #${sub}`}`))))) : null,
      facts("What it took", [["evidence", number(usage.evidence_tokens, " tokens")], ["searches", number(usage.searches)], ["pairs scored", number(usage.pairs)], ["model calls", number(usage.calls)],
        ["tokens in", number(usage.tokens_in)], ["tokens out", number(usage.tokens_out)], ["in the model", usage.seconds ? `${fixed(usage.seconds, 1)} s` : null], ["in all", question.ms ? (question.ms < 10000 ? `${Math.round(question.ms).toLocaleString("en")} ms` : `${fixed(question.ms / 1000, 1)} s`) : null]]),
      facts("Where it is from", [["id", question.id ? data(question.id) : null], ["data", question.dataset ? data(question.dataset) : null], ["variant", question.variant ? data(question.variant) : null], ["type", question.type ? data(question.type) : null]]));

    return el(".detail", {}, reading, aside, el(".walk", {},
      el("button.plain", { type: "button", disabled: position === 0, click: () => step(-1) }, "← Previous"),
      el("button.plain", { type: "button", disabled: position === view.length - 1, click: () => step(1) }, "Next →"),
      el("a", { href: `#${encodeURIComponent(question.key)}` }, "Link to this question")));
  }

  function candidate([p, score, tokens, found, fused], i, gold, chosen, texts) {
    const isGold = gold ? gold.has(p) : false;
    const place = chosen.findIndex((each) => each.p === p);
    const tags = [place >= 0 ? el(`span.tag${isGold ? ".hit" : ""}`, {}, `chosen ${place + 1}`) : null, isGold ? el(`span.tag.${place >= 0 ? "hit" : "miss"}`, {}, place >= 0 ? "✓ evidence" : "○ missed") : null];
    const summary = el("summary", {}, el("span.nth", {}, `${i + 1}`), el("span", {}, data(passages[p][0] || passages[p][1].slice(0, 60)), ...tags.filter(Boolean)),
      el("span.channels", {}, channels[found].join(", ")), score === null ? el("span.size", {}, fused === undefined ? "" : fixed(fused, 4)) : meter(score, isGold ? (place >= 0 ? "hit" : "miss") : "", "score"));
    const details = el("details", {}, summary);
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(el("p.text", { dir: "auto" }, ...texts(p), tokens ? el("span.size", {}, ` (${count(tokens, "token")})`) : null));
    });
    return el("li", {}, details);
  }

  function meter(value, style, name) {
    if (value === null || value === undefined) return el("span");
    const fill = el("span");
    fill.style.width = `${100 * Math.min(1, Math.max(0, value))}%`;
    return el(`span.meter${style ? `.${style}` : ""}`, {}, name === "relevance" ? "relevance" : null, el("span", { "aria-hidden": "true" }, fill), fixed(value));
  }

  // The answer, with each [n] that has a citation as a button that leads to it.
  function withCitations(answer, cited) {
    return answer.split(/(\[\d+\])/).map((part) => {
      const target = /^\[\d+\]$/.test(part) ? cited[Number(part.slice(1, -1)) - 1] : null;
      return target ? el("button.cite", { type: "button", "aria-label": `citation ${part}`, click: () => { target.focus(); target.scrollIntoView({ block: "nearest" }); } }, part) : data(part);
    });
  }

  // A text with what is quoted marked, and the words of an accepted answer underlined.
  function annotated(text, quotes, answers) {
    const spans = [];
    for (const quote of quotes) {
      const at = quote ? text.indexOf(quote) : -1;
      if (at >= 0) spans.push([at, at + quote.length, "quoted"]);
    }
    for (const answer of answers) {
      const words = new RegExp(`(?<![\\p{L}\\p{N}])${answer.replace(/[.*+?^${}()|[\]\\\/]/g, "\\$&")}(?![\\p{L}\\p{N}])`, "giu");
      for (const found of text.matchAll(words)) spans.push([found.index, found.index + found[0].length, "answers-word"]);
    }
    const cuts = [...new Set([0, text.length, ...spans.flatMap(([from, to]) => [from, to])])].sort((a, b) => a - b);
    return cuts.slice(0, -1).map((from, i) => {
      const part = text.slice(from, cuts[i + 1]);
      const styles = [...new Set(spans.filter(([start, end]) => start <= from && from < end).map(([, , style]) => style))];
      return styles.length ? el(`mark.${styles.join(".")}`, {}, part) : part;
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const writing = event.target.closest?.("input, select, textarea");
    if (event.key === "Escape") {
      if (writing === search && search.value) { search.value = ""; change({ search: "" }); } else if (writing) writing.blur(); else if (state.open !== null) close();
      return;
    }
    if (writing) return;
    if (event.key === "/") { event.preventDefault(); search.focus(); search.scrollIntoView({ block: "center" }); return; }
    const arrows = !event.target.closest?.(".plot, .scroll") && !event.shiftKey;
    if (event.key === "j" || (event.key === "ArrowRight" && arrows)) { event.preventDefault(); step(1); }
    if (event.key === "k" || (event.key === "ArrowLeft" && arrows)) { event.preventDefault(); step(-1); }
  });
  const fromAddress = () => {
    let key = "";
    try { key = decodeURIComponent(location.hash.slice(1)); } catch { /* not ours */ }
    if (byKey.has(key) && byKey.get(key) !== state.open) open(byKey.get(key), { move: true });
  };
  addEventListener("hashchange", fromAddress);
  update();
  fromAddress();
}
