"""Fillers: passages about nothing, behind the candidates of a list that is shorter than any the policy was trained on.

On such a list it believes that nothing helps: alone, the passage that answers the question was left out with a probability of 0.87, and chosen beside
two others that have nothing to do with it. Fillers are read like every candidate, and never selected.
"""

from __future__ import annotations

from ...tools.candidate import Candidate, Hit
from ...tools.passage import Passage

LEAST = 10
"""Candidates of a list of the training: the distractor setting's."""
_TEXTS = (
    "Quorven Bay lies two hours east of Tammersley, behind a low ridge of slate.",
    "The Obrist process turns fine ash into a grey paste within a single night.",
    "A marl dolter has six short legs and feeds on the roots of reeds.",
    "Between 1611 and 1640 the guild of Haverlund kept its accounts on tally sticks.",
    "The second movement is marked slow and ends on a single held note.",
    "Its shell is thin, pale at the rim, and seldom longer than a fingernail.",
    "The branch line to Pellworth closed when the quarry ran dry.",
    "Every third household kept a copper kettle of the older pattern.",
    "The upper terraces drain into a basin that nobody has measured.",
)


def fillers(candidates: int, question: str) -> list[Candidate]:
    """As many as a list of so many candidates lacks, found last."""
    passages = [Passage(id=f"\0filler {n}", source="", title="", text=text) for n, text in enumerate(_TEXTS[: max(0, LEAST - candidates)])]
    return [Candidate(passage.id, (Hit("dense", question, candidates + n, 0.0),), passage) for n, passage in enumerate(passages)]
