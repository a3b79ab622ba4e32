"""Fillers: passages about nothing, behind the candidates of a list far shorter than any the policy was trained on.

On such a list it believes that nothing helps: alone, the passage that answers the question was left out with a probability of 0.87, and chosen beside
two others that have nothing to do with it. Fillers are read like every candidate, and never selected.
"""

from __future__ import annotations

from ...tools.candidate import Candidate, Hit
from ...tools.passage import Passage

LEAST = 3
"""Beside two others the policy judges as it should; more of them only make it less sure."""
_TEXTS = (
    "Quorven Bay lies two hours east of Tammersley, behind a low ridge of slate.",
    "The Obrist process turns fine ash into a grey paste within a single night.",
)


def fillers(candidates: int, question: str) -> list[Candidate]:
    """As many as a list of so many candidates lacks, found last."""
    passages = [Passage(id=f"\0filler {n}", source="", title="", text=text) for n, text in enumerate(_TEXTS[: max(0, LEAST - candidates)])]
    return [Candidate(passage.id, (Hit("dense", question, candidates + n, 0.0),), passage) for n, passage in enumerate(passages)]
