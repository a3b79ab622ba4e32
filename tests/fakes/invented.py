"""Invented multi-hop questions in our own form: 24 of them, 2 to 4 gold passages each, none of it true. For tests of the evaluation.

Films, their directors and the towns where these were born. Some titles are there twice (a director's later years are no evidence), one list holds a
passage twice, one passage is all odd characters. The answers to four questions are "yes" or "no".
"""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

Row = dict[str, Any]

FILMS = (
    ("The Salt Mirror", "Orla Venn", "Cressing", 1931),
    ("Nine Lanterns", "Tobin Arkwell", "Ostermarsh", 1938),
    ("A Heron for Judith", "Sabra Quillon", "Velby", 1944),
    ("The Glass Ferry", "Emmet Dorrance", "Pellgate", 1947),
    ("Winter at Moth House", "Liesl Brandow", "Harrowmere", 1950),
    ("The Copper Sparrow", "Jonas Threlkeld", "Quenby", 1953),
    ("Letters to Ombra", "Maud Castellan", "Sturrock", 1956),
    ("The Ninth Orchard", "Ivo Marchbanks", "Tindale", 1959),
    ("Kestrel Street", "Petra Lomond", "Ulverscroft", 1962),
    ("The Tin Regatta", "Anselm Pryke", "Wendholm", 1965),
    ("Rain Over Abbas", "Corin Hathersage", "Cressing", 1968),
    ("The Paper Admiral", "Dilys Farraday", "Ostermarsh", 1971),
)
RIVERS = {"Pellgate": "Yarrel", "Harrowmere": "Osk", "Quenby": "Limmer", "Sturrock": "Tane"}
"""Only these towns have a passage of their own."""
_THINGS = ("barn", "mill", "chapel", "quarry", "orchestra", "lighthouse", "printing press", "beech wood")
_FACTS = (
    "was put up by a guild of coopers and has a leaking roof",
    "is shown to visitors on the first Sunday of the month",
    "burned down twice and was paid for by a lottery",
    "is known for its bell, which nobody has ever heard",
    "belongs to a cousin of the county surveyor",
)
ODD = ("Cité  de l’Étoile \u200d🜚", "\tA square\u00a0 with\r\n\r\n   odd\u2028white space, e\u0301 beside é, and אבג.\n ")
"""Title and text of a passage that must come back as it is."""


def film(n: int) -> Row:
    title, director, _, year = FILMS[n]
    return {"title": title, "text": f"{title} is a film of {year}, directed by {director}. It was shot in the studios of Marl Yard."}


def director(n: int) -> Row:
    _, name, town, year = FILMS[n]
    return {"title": name, "text": f"{name} was a film director, born in {town} in {year - 37}. The family had a bakery there."}


def later_years(n: int) -> Row:
    name = FILMS[n][1]
    return {"title": name, "text": f"In later years {name} taught at an academy, kept geese and never went to the cinema."}


def town(name: str) -> Row:
    return {"title": name, "text": f"{name} is a market town on the river {RIVERS[name]}. Its market is held on Tuesdays."}


def _filler(n: int) -> Row:
    thing, fact = _THINGS[n % len(_THINGS)], _FACTS[n % len(_FACTS)]
    return {"title": f"The {thing} number {n}", "text": f"The {thing} with the number {n} {fact}. It was last painted in {1700 + n}."}


def rows() -> list[Row]:
    made: list[Row] = []

    def add(id: str, question: str, answers: list[str], type: str, gold: list[Row], others: list[Row]) -> None:
        fillers = [_filler(4 * len(made) + n) for n in range(4)]
        passages = [{**passage, "is_supporting": True} for passage in gold]
        passages += [{**passage, "is_supporting": False} for passage in (*others, *fillers)]
        random.Random(id).shuffle(passages)
        made.append({"id": id, "question": question, "answers": answers, "type": type, "passages": passages})

    def next_to(n: int) -> list[Row]:
        return [film((n + 1) % 12), director((n + 2) % 12), later_years(n)]

    for n, (title, _, place, _) in enumerate(FILMS):
        question = f"Where was the director of the film {title} born?"
        add(f"where-{n}", question, [place, f"{place} Town"], "bridge", [film(n), director(n)], next_to(n))
    for n in range(3, 7):
        title, _, place, _ = FILMS[n]
        question = f"On which river lies the town where the director of {title} was born?"
        add(f"river-{n}", question, [RIVERS[place]], "compositional", [film(n), director(n), town(place)], next_to(n))
    for n in range(4):
        a, b = n, n + 6
        question = f"Which film is older, {FILMS[a][0]} or {FILMS[b][0]}?"
        add(f"older-{n}", question, [FILMS[a][0]], "comparison", [film(a), film(b)], [director(a), director((n + 4) % 12)])
    for n, (a, b) in enumerate([(0, 10), (2, 3), (1, 11), (7, 8)]):
        question = f"Were the directors of {FILMS[a][0]} and {FILMS[b][0]} born in the same town?"
        same = "yes" if FILMS[a][2] == FILMS[b][2] else "no"
        add(f"same-{n}", question, [same], "bridge comparison", [film(a), film(b), director(a), director(b)], [later_years(a), film((a + 5) % 12)])

    random.Random(0).shuffle(made)  # the first few are of all kinds
    made[1]["passages"].append({"title": ODD[0], "text": ODD[1], "is_supporting": False})
    gold = next(passage for passage in made[2]["passages"] if passage["is_supporting"])
    made[2]["passages"].append({**gold, "is_supporting": False})  # the same once more, its label wrong
    return made


def in_steps(given: list[Row]) -> list[Row]:
    """The questions of birthplaces, with the two sub-questions that each is made of."""
    made = []
    for n, (title, name, place, _) in enumerate(FILMS):
        row = next(row for row in given if row["id"] == f"where-{n}")
        steps = [{"question": f"Who directed {title}?", "answer": name}, {"question": "Where was #1 born?", "answer": place}]
        made.append({**row, "decomposition": steps})
    return made


def in_conversation(given: list[Row]) -> list[Row]:
    """Questions of birthplaces as MTRAG's tasks, asked after the film was spoken of and without naming anybody again. The last has no evidence."""
    made = []
    for n, (title, name, place, year) in enumerate(FILMS):
        row = next(row for row in given if row["id"] == f"where-{n}")
        said = [("user", f"Who directed {title}?"), ("agent", f"{name} directed it in {year}."), ("user", "Where was the director born?")]
        label = "ANSWERABLE" if n < len(FILMS) - 1 else "UNANSWERABLE"
        gold = [{"title": p["title"], "text": p["text"]} for p in row["passages"] if p["is_supporting"] and p["title"] == name]
        made.append(
            {
                "task_id": f"task-{n}",
                "input": [{"speaker": speaker, "text": text} for speaker, text in said],
                "contexts": gold if label == "ANSWERABLE" else [],
                "targets": [{"speaker": "agent", "text": place}],
                "answerability": [label],
            }
        )
    return made


def unlabelled(given: list[Row]) -> list[Row]:
    """Nothing but what is asked and the candidates."""
    return [
        {"id": row["id"], "question": row["question"], "passages": [{"title": p["title"], "text": p["text"]} for p in row["passages"]]}
        for row in given
    ]


def permuted(given: list[Row]) -> list[Row]:
    """Every label is there, and another question's or passage's: answers, types, evidence, answerability."""
    made = copy.deepcopy(given)
    for n, row in enumerate(made):
        other = given[(n + 5) % len(given)]
        flags = [passage["is_supporting"] for passage in row["passages"]]
        row |= {"answers": other["answers"], "type": other["type"], "answerable": n % 2 == 0}
        for passage, flag in zip(row["passages"], [*flags[3:], *flags[:3]], strict=True):
            passage["is_supporting"] = flag
    return made


class Invented:
    """The questions in a folder of their own: `dev` as they are, `unlabelled`, `permuted`, and whatever `write` is given."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.rows = rows()
        self.gold_titles = [sorted({p["title"] for p in row["passages"] if p["is_supporting"]}) for row in self.rows]
        self.in_steps, self.in_conversation = in_steps(self.rows), in_conversation(self.rows)
        self.dev = self.write("dev", self.rows)
        self.unlabelled = self.write("unlabelled", unlabelled(self.rows))
        self.permuted = self.write("permuted", permuted(self.rows))

    def open_set(self, name: str, titles: list[list[str] | None], *, namesakes: bool) -> Path:
        """A folder: the passages as a corpus, beside it the questions alone, their evidence known by title.

        namesakes: some titles are there twice; else a gold passage, or the first, stands for its title.
        """
        folder = self.folder / name
        folder.mkdir()
        found = {(p["title"], p["text"]): p["title"] for row in self.rows for p in row["passages"]}
        kept = {title: {"title": title, "text": text} for (title, text) in reversed(found)}
        gold = {p["title"]: {"title": p["title"], "text": p["text"]} for row in self.rows for p in row["passages"] if p["is_supporting"]}
        corpus = [{"title": title, "text": text} for title, text in found] if namesakes else list({**kept, **gold}.values())
        queries = [{name: row[name] for name in ("id", "question", "answers")} for row in self.rows]
        (folder / "corpus.jsonl").write_text("".join(json.dumps({"id": str(n), **passage}) + "\n" for n, passage in enumerate(corpus)))
        lines = [{**query, "gold_titles": each} for query, each in zip(queries, titles, strict=True)]
        (folder / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return folder

    def write(self, name: str, given: list[Row]) -> Path:
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
        return path
