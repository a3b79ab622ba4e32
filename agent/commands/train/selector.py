"""passel train selector: the list policy, on the lists that the pair model has read.

Reading the lists is most of the work; they are kept beside the models that read them, and a limit is drawn before they are read.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....tools.errors import UsageError
from ... import progress, terminal
from ..evaluating import ALL_PAIRS
from ..options import BaseUrlOption, ModelOption, cached_chat_model
from .left_out import left_out
from .options import DataArgument, OutOption, OwnCorpusOption, SeedOption, bring, make_folder

if TYPE_CHECKING:
    from ....evals.training import Part
    from ....rerankers.selector.examples import ListExample
    from ....rerankers.selector.network import ListNetwork
    from ....tools.pair import PairModel

_KEPT = "nothing that was learned earned more on val: these are the bundled weights, as they were"
_ENOUGH_TO_CHOOSE = 20
"""Lists of val; fewer, and their figures are told with a warning."""


def selector(
    data: DataArgument,
    out: OutOption,
    reader: Annotated[
        Path | None, typer.Option("--reader", metavar="DIR", help="What `train reader --folds` made of the same files; else the bundled one.")
    ] = None,
    corpus: OwnCorpusOption = None,
    answers_only: Annotated[
        bool, typer.Option("--answers-only", help="Use no passage labels: start from the best cut rule, learn from answers alone.")
    ] = False,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    steps: Annotated[int, typer.Option("--steps", min=0, metavar="N", help="Of GRPO; 0 for imitation alone.")] = 120,
    limit: Annotated[int | None, typer.Option("--limit", min=2, metavar="N", help="At most so many lists, for a trial.")] = None,
    seed: SeedOption = 0,
) -> None:
    """The list policy: which passages, in what order, how many. First by imitation of the evidence, then by GRPO on what a selection earns.

    With --corpus, the questions are asked of your own corpus and the bundled selector is trained further. With --model, a chat model writes the
    answers that are rewarded.
    """
    from ....evals.chat_generator import ChatGenerator
    from ....evals.datasets import is_val
    from ....evals.report.training import write_page
    from ....evals.training import balanced, list_part, parts_of, questions_of
    from ....rerankers.default import WEIGHTS
    from ....rerankers.selector.grpo import GrpoConfig, extracted
    from ....rerankers.selector.imitation import ImitationConfig
    from ....rerankers.selector.selector import SELECTOR, load_network
    from ....rerankers.selector.trainer import SelectorConfig, check_enough, train_selector
    from ....tools.pair import PAIR
    from ...settings import Settings, corpus_path

    if reader is not None and corpus is not None:
        raise UsageError("--reader is for training from data sets, --corpus goes on from the bundled weights", "Leave one of them out.")
    folder = corpus_path(corpus) if corpus else None
    chat = ChatGenerator(cached_chat_model(model, Settings.load(base_url=base_url).base_url)) if model else None
    models = _pair_models(reader)
    made_from = _made_from(data, folder, reader)
    without = left_out(data, folder, bundled=reader is None, by_title=not answers_only)
    parts = parts_of(data, folder, drop=not answers_only)
    asked = [(part, one.id) for part in parts for one in questions_of(part, without=without[part.data], answers_only=answers_only)]
    val = sum(is_val(id) for _, id in asked)
    check_enough(len(asked) - val, val, answers_only=answers_only)  # reading takes minutes to hours, and would not make them more
    make_folder(out)
    tried = _spread(asked, limit) if limit else []
    with progress.shown() as tell:
        lists: list[ListExample] = []
        for part in parts:
            ignored = without[part.data]
            name, key, only = part.name, f"{made_from[part.data]} {sorted(ignored)}", None
            if limit:
                only = frozenset(id for of, id in tried if of == part)
                name, key = f"{name} limit {limit}", f"{key} only {sorted(only)}"
            lists += _once(reader or out, name, key, partial(list_part, part, models, tell, corpus=folder, without=ignored, only=only))
        if answers_only:
            lists = [one.unlabelled() for one in lists]
        examples = balanced(lists)
        imitation, start = ImitationConfig(), None
        if corpus:
            imitation, start = ImitationConfig(epochs=6, learning_rate=5e-5), load_network(WEIGHTS / SELECTOR)
        if chat:
            chat.progress = lambda asked: tell(f"answers of {model}", asked, 0)
        config = SelectorConfig(imitation, GrpoConfig(steps=steps), answers_only, seed, model or "")
        chosen = train_selector(
            [one for one in examples if not is_val(one.id)],
            [one for one in examples if is_val(one.id)],
            out,
            config,
            start=start,
            generate=chat or extracted,
            progress=lambda stage, done, total: tell(f"training: {stage}", done, total),
        )
    if reader is not None:
        bring(reader, out, PAIR)
    notes = [_KEPT] if start and _same_weights(start, load_network(out / SELECTOR)) else []
    settings = {"data": ", ".join(data), "corpus": corpus, "model": model, "answers only": answers_only, "seed": seed}
    write_page(out, "train selector", settings, notes)
    _tell(chosen, sum(is_val(one.id) for one in examples), labelled=not answers_only)
    for note in notes:
        terminal.note(note)
    if chat and chat.failed:
        times = "once" if chat.failed == 1 else f"{chat.failed:,} times"
        terminal.note(f"{model} failed {times}: what it was asked about then was neither rewarded nor punished")
    terminal.note(f"{out / SELECTOR}: the list policy; {out / 'training.html'} shows how it went. Use it with PASSEL_WEIGHTS={out}")


def _pair_models(reader: Path | None) -> Callable[[str], PairModel]:
    """By a question's id, a pair model that has not trained on it. The bundled one for questions that it cannot know."""
    from ....evals.datasets import is_val
    from ....evals.datasets.split import fold_of
    from ....rerankers.default import WEIGHTS, pair_model
    from ....tools.pair import PAIR

    def remembering(folder: Path) -> PairModel:
        model = pair_model(folder)
        model.remembers = ALL_PAIRS  # a question's lists share passages: a third of all pairs are read already
        return model

    if reader is None:
        return lambda _: remembering(WEIGHTS)
    missing = next((file for file in (reader / PAIR, reader / "fold0" / PAIR, reader / "fold1" / PAIR) if not file.is_file()), None)
    if missing is not None:
        raise UsageError(f"--reader {reader}: {missing} is not there", "Make it with: passel train reader DATA… --folds --out DIR")
    return lambda id: remembering(reader if is_val(id) else reader / f"fold{1 - fold_of(id)}")


def _made_from(data: Sequence[str], corpus: Path | None, reader: Path | None) -> dict[str, str]:
    """What the lists of each data set depend on."""
    from ....evals.training import digests
    from ....rerankers.default import WEIGHTS
    from ....rerankers.selector.examples import FORMAT
    from ....tools.corpus import Corpus
    from ....tools.pair import PAIR

    folders = [WEIGHTS] if reader is None else [reader, reader / "fold0", reader / "fold1"]
    of_all = f"format {FORMAT} " + hashlib.sha256(b"".join((folder / PAIR).read_bytes() for folder in folders)).hexdigest()
    if corpus is not None:
        with Corpus.open(corpus) as opened:
            of_all += f" {opened.id} {opened.seq}"
    return {one: f"{digest} {of_all}" for one, digest in digests(data).items()}


def _once(out: Path, name: str, made_from: str, make: Callable[[], list[ListExample]]) -> list[ListExample]:
    """The lists of a part, from an earlier run where there was one: reading them is most of the work, and lies with the models that read them."""
    file = out / "lists" / f"{name}.pickle"
    if file.is_file():
        known = pickle.loads(file.read_bytes())  # our own file of an earlier run
        if known["made from"] == made_from:
            return list(known["lists"])
    lists = make()
    file.parent.mkdir(exist_ok=True)
    beside = file.with_suffix(".part")
    beside.write_bytes(pickle.dumps({"made from": made_from, "lists": lists}))
    beside.replace(file)
    return lists


def _spread(asked: Sequence[tuple[Part, str]], limit: int) -> list[tuple[Part, str]]:
    """At most `limit` questions of parts, of every part its share; of those of val its share too, at least one."""
    from ....evals.datasets import is_val

    learned, val = [one for one in asked if not is_val(one[1])], [one for one in asked if is_val(one[1])]
    of_val = max(1, limit * len(val) // len(asked))
    return [*_evenly(learned, limit - of_val), *_evenly(val, of_val)]


def _evenly(asked: Sequence[tuple[Part, str]], most: int) -> list[tuple[Part, str]]:
    count = min(len(asked), most)
    return [asked[n * len(asked) // count] for n in range(count)]


def _same_weights(one: ListNetwork, other: ListNetwork) -> bool:
    of_other = other.state_dict()
    return all(weight.equal(of_other[name]) for name, weight in one.state_dict().items())


def _tell(chosen: Mapping[str, Any], val: int, *, labelled: bool) -> None:
    """On so many lists of `val`: what each stage reached. Support is known where passages are labelled."""
    from rich.table import Table

    support = ["support F1 (mean of the sets)"] if labelled else []
    table = Table("on val", "reward", "answer F1", *support, "passages", "tokens", box=None)
    for stage in ("start", "imitation", "grpo"):
        if stage not in chosen:
            continue
        figures = chosen[stage]
        shown = [figures["val reward"], figures.get("val answer", 0.0), *([figures["score"]] if labelled else []), figures["val length"]]
        table.add_row({"start": "before", "grpo": "GRPO"}.get(stage, stage), *(f"{value:.3f}" for value in shown), f"{figures['val tokens']:.0f}")
    terminal.say(table)
    few = "; they are too few to choose by: what is better on them may be so by chance" if val < _ENOUGH_TO_CHOOSE else ""
    terminal.note(f"chosen by {val:,} of val, a tenth of the questions{few}")
