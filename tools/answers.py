"""Answers as text: their normal form, exact match and token F1, and whether an answer's words stand in a passage.

Source: the official scripts of SQuAD 2.0 ("Know What You Don't Know", Rajpurkar et al., ACL 2018; evaluate-v2.0.py) and of
HotpotQA (Yang et al., EMNLP 2018; hotpot_evaluate_v1.py): maximum over the accepted wordings, and HotpotQA's rule that
"yes", "no" and "noanswer" earn nothing by overlap. Where both are silent about the other's case, both rules hold.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NOT_WORD = re.compile(r"[\W_]+")
_CITATIONS = re.compile(r"\s*\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\]")
YES_NO = frozenset({"yes", "no"})
"""Normal forms that a passage may hold by accident."""
_WHOLE = YES_NO | {"noanswer"}


class Overlap(NamedTuple):
    """Each in [0, 1]. Ordered by F1 first: the best of several is their `max`."""

    f1: float
    precision: float
    recall: float


def normalised(text: str) -> str:
    """Lower case, without ASCII punctuation and the articles a, an, the; white space single. May be empty ("The The")."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def bare(text: str) -> str:
    """Without inline citation marks: "Paris [1][3]." → "Paris."."""
    return _CITATIONS.sub("", text).strip()


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """1.0 where the normal form is that of an accepted wording, else 0.0. Without any wording (no answer), the empty prediction is right."""
    return float(normalised(prediction) in _accepted(golds))


def f1(prediction: str, golds: Sequence[str]) -> Overlap:
    """Token overlap with the accepted wording that it is best with. Without any wording (no answer), the empty prediction scores 1."""
    predicted = normalised(prediction)
    return max(_overlap(predicted, gold) for gold in _accepted(golds))


def _accepted(golds: Sequence[str]) -> list[str]:
    """Normal forms; as in SQuAD 2.0 empty ones do not count beside others, and no wording at all stands for the empty one."""
    return [form for form in map(normalised, golds) if form] or [""]


def _overlap(predicted: str, gold: str) -> Overlap:
    if predicted != gold and (predicted in _WHOLE or gold in _WHOLE):
        return Overlap(0.0, 0.0, 0.0)
    said, wanted = predicted.split(), gold.split()
    if not said or not wanted:
        same = float(said == wanted)
        return Overlap(same, same, same)
    shared = (Counter(said) & Counter(wanted)).total()
    return Overlap(2 * shared / (len(said) + len(wanted)), shared / len(said), shared / len(wanted))


def contains_answer(text: str, answers: Sequence[str]) -> bool:
    """Whether any of the answers stands in the text as whole words.

    Read twice: in normal form, and with punctuation as a space between words, since the normal form alone would overlook "Paris" in "Paris's"
    and in "Paris–Nice". An answer of which nothing is left ("The The") is looked for as it is written. Whether "yes" in a text
    says anything is for the caller to know.
    """
    joined, parted = f" {normalised(text)} ", f" {_parted(text)} "
    for answer in answers:
        form = normalised(answer)
        if form and (f" {form} " in joined or f" {_parted(answer)} " in parted):
            return True
        if not form and answer.strip() and re.search(rf"(?<!\w){re.escape(answer.strip())}(?!\w)", text, re.IGNORECASE):
            return True
    return False


def _parted(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", _NOT_WORD.sub(" ", text.lower())).split())
