"""Results: what README's tables rest on. Predictions without their texts, compressed, small enough to ship; every figure is computed from them anew.

A kept line is an ordinary line in which a passage's title is the number under which it is known as evidence, and its text is empty; its question is
an ordinary question whose gold is known by these numbers. So the same code that summarized the run summarizes what was kept of it. Answers are kept
as their scores: the texts belong to the data sets.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...tools.budget import Budget
from ...tools.errors import UsageError
from ..labels import answer_values, gold_keys, key_in, told_values
from ..predictions import OURS, Line
from ..question import DataPassage, Question
from ..result import Result

SUFFIX = ".jsonl.xz"


@dataclass(frozen=True, slots=True)
class Kept:
    """A run as it was kept."""

    experiment: str
    settings: Mapping[str, Any]
    counts: Mapping[str, int]
    latency: Mapping[str, float]
    questions: tuple[Question, ...]
    lines: tuple[Line, ...]


def keep(result: Result, questions: Sequence[Question], lines: Sequence[Line], folder: Path) -> Path:
    """Writes `folder/EXPERIMENT-DATA….jsonl.xz` and gives its path; an older one of that name is replaced."""
    names = "-".join(str(data["name"]) for data in result.settings["data"])
    which = [str(result.settings[key]) for key in ("setting", "drop_gold", "reranker") if result.settings.get(key)]
    mixed = [f"mixed-{result.settings['mixed']}"] if result.settings.get("mixed") else []
    asked = [name for name in ("decomposed", "condensed") if result.settings.get(name)]
    rate = [f"{result.settings['rate']:g}"] if result.settings.get("drop_gold") else []
    kind = "-".join([result.experiment, names, *which, *rate, *mixed, *asked, *unusual(result.settings)])
    path = folder / (re.sub(r"[^\w.-]+", "_", kind) + SUFFIX)
    folder.mkdir(parents=True, exist_ok=True)
    head = {"experiment": result.experiment, "settings": dict(result.settings), "counts": result.counts, "latency": result.latency}
    rows = [head, *(_slim(question, line) for question, line in zip(questions, lines, strict=True))]
    path.write_bytes(lzma.compress("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode(), preset=9 | lzma.PRESET_EXTREME))
    return path


def unusual(settings: Mapping[str, Any]) -> list[str]:
    """What else tells this run from others of the same data and setting: corpus, questions, own weights, limits, who wrote the answers."""
    told = [f"corpus {settings['corpus']['name']}"] if settings.get("corpus") else []
    told += [f"{settings['split']} questions"] if settings.get("split") not in (None, "all") else []
    told += [f"{name} {settings[name]}" for name in ("own weights", "risk", "abstentions") if settings.get(name) is not None]
    told += [f"{name} {value}" for name, value in _CHOSEN.findall(str(settings.get("command", "")))]
    limits = {**settings.get("budget", {}), **{name: settings[name] for name in ("evidence_tokens", "passages", "min_rel") if settings.get(name)}}
    told += [f"{name.replace('_', ' ')} {value}" for name, value in limits.items() if value != _USUAL.get(name, value)]
    return [*told, *([str(settings["model"])] if settings.get("model") else [])]


_CHOSEN = re.compile(r"--(limit|seed)[ =](\S+)")
_USUAL: Mapping[str, float] = {**asdict(Budget()), "passages": 12, "min_rel": 1}
"""Limits that need no telling. They may be set where no command shows it, in the environment or passel.toml."""


def load(path: Path) -> Kept:
    """Raises UsageError where the file is no kept run."""
    try:
        rows = [json.loads(row) for row in lzma.decompress(path.read_bytes()).splitlines()]
        head, slim = rows[0], rows[1:]
        questions = tuple(_question(row) for row in slim)
        return Kept(head["experiment"], head["settings"], head["counts"], head["latency"], questions, tuple(map(_line, slim)))
    except (OSError, lzma.LZMAError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UsageError(f"{path} is no kept run: {type(error).__name__}", "passel eval … --results DIR writes them.") from error


def _slim(question: Question, line: Line) -> dict[str, Any]:
    gold = gold_keys(question)
    place = {key: n for n, key in enumerate(sorted(gold or ()))}

    def short(key: str) -> int:
        """Gold by its number; what is not gold only needs to be told apart from the others."""
        return place.get(key, -1)

    row: dict[str, Any] = {
        "id": question.id,
        "dataset": question.dataset,
        "type": question.type,
        "answerable": question.answerable,
        "answered": bool(question.answers),
        "gold": None if gold is None else len(gold),
        "outcome": line["outcome"],
        "candidates": [short(key_in(question, passage)) for passage in line["candidates"]],
        "scores": [round(score, 4) for score in line["scores"]],
        "fused": [round(passage["score"], 5) for passage in line["candidates"]],
        "tokens": line["tokens"],
        "selected": _places(line),
        "relevance": [round(passage["relevance"], 4) for passage in line["selected"]],
        "usage": line["usage"],
        "fallback": bool(line.get("fallback")),
        "latency_ms": round(line["latency_ms"], 1),
        "chances": [line["answerable"], line["confidence"]],
    }
    if (values := answer_values(question, line)) is not None:
        row |= {"values": values, "said": told_values(question, line)}
    if "measured" in line:
        row |= {"measured": line["measured"], "first": line["first"], "error": _kind(line["error"]), "repaired": line.get("repaired", 0)}
    if "score" in line:
        row["score"] = round(line["score"], 4)
    if "first_stage" in line:
        row["first_stage"] = line["first_stage"]
    if "lists" in line:
        row["lists"] = {name: [short(key) for key in keys] for name, keys in line["lists"].items()}
    return row


def _kind(error: str | None) -> str | None:
    """Of a failure only what kind it is: its line may quote a text."""
    return error and error.partition(": ")[0] + ": "


def _places(line: Line) -> list[int]:
    place = {passage["passage_id"]: n for n, passage in enumerate(line["candidates"])}
    return [place[passage["passage_id"]] for passage in line["selected"]]


def _question(row: Mapping[str, Any]) -> Question:
    """Without `gold_titles` the gold reads as unknown: where there is none, one passage that is not gold says so."""
    gold = row["gold"]
    none_gold = (DataPassage("", "", False),) if gold == 0 else ()
    return Question(
        row["id"],
        "",
        answers=("kept as scores",) if row["answered"] else (),
        answerable=row["answerable"],
        type=row["type"],
        passages=none_gold,
        gold_titles=tuple(str(n) for n in range(gold or 0)),
        by_title=bool(gold),
        dataset=row["dataset"],
    )


def _line(row: Mapping[str, Any]) -> Line:
    def key(number: int, n: int) -> str:
        return str(number) if number >= 0 else f"other {n}"

    candidates = [
        {"passage_id": str(n), "title": key(number, n), "text": "", "channels": [], "score": score}
        for n, (number, score) in enumerate(zip(row["candidates"], row["fused"], strict=True))
    ]
    selected = [{**candidates[place], "relevance": p} for place, p in zip(row["selected"], row["relevance"], strict=True)]
    line: Line = {
        "id": row["id"],
        "dataset": row["dataset"],
        "variant": OURS,
        "outcome": row["outcome"],
        "answer": "",
        "candidates": candidates,
        "selected": selected,
        "scores": row["scores"],
        "tokens": row["tokens"],
        "stop_reason": "",
        "usage": row["usage"],
        "fallback": row["fallback"],
        "latency_ms": row["latency_ms"],
        "answerable": row["chances"][0],
        "confidence": row["chances"][1],
        "first_stage": row.get("first_stage", {}),
    }
    if "values" in row:
        line |= {"answer_values": row["values"], "told_values": row["said"]}
    if "measured" in row:
        line |= {name: row[name] for name in ("measured", "first", "error", "repaired")}
    if "score" in row:
        line["score"] = row["score"]
    if "lists" in row:
        line["lists"] = {name: [key(number, n) for n, number in enumerate(numbers)] for name, numbers in row["lists"].items()}
    return line
