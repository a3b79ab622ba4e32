"""Trains the pair model: relevance and reading together, from MiniLM.

On CPU every core takes a part of each batch (autograd runs in the thread that asks for it; single-threaded parts beat a two-threaded whole), in
bf16 where the CPU computes in it. A checkpoint after every few minutes, so that a killed run goes on where it was.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from random import Random

import torch

from ...tools.batches import on_every_core, workers
from ...tools.errors import PasselError
from ...tools.pair import PAIR, PairNetwork
from ...tools.sentence_model import best_device
from .examples import ReadingExample, TargetList, draw
from .losses import LossWeights, losses


@dataclass(frozen=True, slots=True)
class ReaderConfig:
    epochs: int = 3
    tokens: int = 12_000
    """Of a batch, about."""
    learning_rate: float = 1e-4
    head_learning_rate: float = 5e-4
    warmup: float = 0.06
    """Share of the whole training."""
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 0
    weights: LossWeights = field(default_factory=LossWeights)


Validate = Callable[[PairNetwork], Mapping[str, float]]
"""Measures a network on `val`; the key "score" is what the best checkpoint is chosen by."""
Finish = Callable[[PairNetwork], object]
"""What is done last to the best network, in place. Done again, where a run was killed meanwhile, it must change nothing more."""
Progress = Callable[[int, int, Mapping[str, float]], None]
"""(examples done, examples in all, the newest figures)."""
_CHECKPOINT_EVERY = 180.0
_CHUNK = 64
"""Examples that are drawn at a time."""


def train_reader(
    examples: Sequence[ReadingExample],
    folder: Path,
    config: ReaderConfig,
    *,
    validate: Validate | None = None,
    finish: Finish | None = None,
    progress: Progress | None = None,
    device: str | None = None,
) -> Path:
    """Trains, or goes on where a killed run was; returns the file of the best network by `validate`, else of the last one.

    Writes into `folder`: pair.safetensors, curves.csv (figures every 20 steps), val.csv, and checkpoint.pt while under way.
    """
    device = device or best_device()
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(examples, folder, config, device)
    run.resume()
    run.checkpoint()  # one is there until all is done: without it the first epoch's network would be taken for the finished one
    total = config.epochs * len(examples)
    while run.epoch < config.epochs:
        for lists in run.batches():
            figures = run.step(lists, total)
            if progress:
                progress(run.seen, total, figures)
            run.checkpoint(wait=_CHECKPOINT_EVERY)
        run.end_epoch(validate(run.network.eval()) if validate else {})
    if finish:
        best = PairNetwork.load(folder / PAIR)
        finish(best)
        best.save(folder / PAIR)
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return folder / PAIR


class _Run:
    def __init__(self, examples: Sequence[ReadingExample], folder: Path, config: ReaderConfig, device: str) -> None:
        self.examples, self.folder, self.config, self.device = examples, folder, config, device
        torch.manual_seed(config.seed)
        self.network = PairNetwork.untrained().requires_grad_(True).to(device)
        self.network.bert.words.requires_grad_(False)
        heads = [*self.network.relevance.parameters(), *self.network.yes.parameters(), *self.network.span.parameters()]
        ids = {id(weight) for weight in heads}
        body = [weight for weight in self.network.parameters() if weight.requires_grad and id(weight) not in ids]
        self.weights = [*body, *heads]
        groups = [{"params": body, "peak": config.learning_rate}, {"params": heads, "peak": config.head_learning_rate}]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)
        self.epoch = self.seen = self.done_in_epoch = self.steps = 0
        self.best = -math.inf
        self.began, self.saved = time.monotonic(), time.monotonic()
        self.sums: dict[str, float] = {}
        self.counted = 0

    def batches(self) -> Iterator[list[TargetList]]:
        """What is left of this epoch. Drawn in chunks with seeds of their own, so that a resumed run draws the same."""
        order = list(range(len(self.examples)))
        Random(f"{self.config.seed} {self.epoch}").shuffle(order)
        batch: list[TargetList] = []
        done = self.done_in_epoch
        for start in range(done - done % _CHUNK, len(order), _CHUNK):
            drawn = draw([self.examples[i] for i in order[start : start + _CHUNK]], Random(f"{self.config.seed} {self.epoch} {start}"))
            for one in drawn[max(0, done - start) :]:
                batch.append(one)
                if sum(each.tokens for each in batch) >= self.config.tokens:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def step(self, lists: Sequence[TargetList], total: int) -> dict[str, float]:
        self.network.train()
        rate = _schedule((self.seen + len(lists)) / total, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        shards = _shards(lists, 2 * workers() if self.device == "cpu" else 1)  # a core that is free sooner takes another

        def work(shard: list[int]) -> tuple[dict[str, float], tuple[torch.Tensor | None, ...]]:
            terms = losses(self.network, [lists[i] for i in shard], self.device)
            weights = asdict(self.config.weights)
            loss = sum((weights[name] * term for name, term in terms.items()), torch.zeros((), device=self.device)) / len(lists)
            grads = torch.autograd.grad(loss, self.weights, allow_unused=True)
            return {name: float(term.detach()) for name, term in terms.items()}, grads

        done = list(on_every_core(work, shards)) if self.device == "cpu" else [(shard, work(shard)) for shard in shards]
        for weight, *grads in zip(self.weights, *(grads for _, (_, grads) in done), strict=True):
            known = [grad for grad in grads if grad is not None]
            for grad in known[1:]:
                known[0].add_(grad)
            weight.grad = known[0] if known else None
        norm = float(torch.nn.utils.clip_grad_norm_(self.weights, self.config.clip))
        self.optimizer.step()
        for _, (terms, _) in done:
            for name, value in terms.items():
                self.sums[name] = self.sums.get(name, 0.0) + value
        self.counted += len(lists)
        self.seen += len(lists)
        self.done_in_epoch += len(lists)
        self.steps += 1
        figures = {name: value / self.counted for name, value in self.sums.items()}
        if self.steps % 20 == 0:
            self._write("curves.csv", {"step": self.steps, "examples": self.seen, "seconds": time.monotonic() - self.began, "norm": norm, **figures})
            self.sums, self.counted = {}, 0
        return figures

    def end_epoch(self, figures: Mapping[str, float]) -> None:
        self.epoch, self.done_in_epoch = self.epoch + 1, 0
        if figures:
            self._write("val.csv", {"epoch": self.epoch, **figures})
        if (score := figures.get("score", float(self.epoch))) > self.best:
            self.best = score
            self.network.save(self.folder / PAIR)
        self.checkpoint()

    def checkpoint(self, *, wait: float = 0.0) -> None:
        if time.monotonic() - self.saved < wait:
            return
        self.saved = time.monotonic()
        place = {"epoch": self.epoch, "seen": self.seen, "done_in_epoch": self.done_in_epoch, "steps": self.steps, "best": self.best}
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "place": place,
            "seconds": self.saved - self.began,
            "examples": len(self.examples),
        }
        torch.save(state, self.folder / "checkpoint.tmp")
        (self.folder / "checkpoint.tmp").replace(self.folder / "checkpoint.pt")

    def resume(self) -> None:
        """Goes on from the checkpoint, where there is one; what the curves hold of steps behind it goes, as they are taken again."""
        file = self.folder / "checkpoint.pt"
        if file.exists():
            self._go_on_from(file)
        self._cut("curves.csv", "step", self.steps)
        self._cut("val.csv", "epoch", self.epoch)

    def _go_on_from(self, file: Path) -> None:
        try:
            state = torch.load(file, map_location=self.device, weights_only=True)
            if state["examples"] != len(self.examples):
                return  # of another training
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.began -= state["seconds"]
        except (UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, ValueError) as error:
            raise PasselError(f"{file} is no checkpoint of this training", "Remove it to begin anew.") from error
        for name, value in state["place"].items():
            setattr(self, name, value)

    def _cut(self, name: str, column: str, last: int) -> None:
        """Drops the rows that come after `last`."""
        file = self.folder / name
        if not file.exists():
            return
        with file.open(newline="") as content:
            reader = csv.DictReader(content)
            kept, fields = [row for row in reader if int(row[column]) <= last], reader.fieldnames or []
        if not kept:
            file.unlink()  # another training's columns are not this one's
            return
        part = file.with_suffix(".part")
        with part.open("w", newline="") as content:
            writer = csv.DictWriter(content, fields)
            writer.writeheader()
            writer.writerows(kept)
        part.replace(file)

    def _write(self, name: str, row: Mapping[str, float]) -> None:
        file = self.folder / name
        fields = list(row)
        if file.exists():
            with file.open(newline="") as content:
                fields = next(csv.reader(content), fields)
        with file.open("a", newline="") as content:
            writer = csv.DictWriter(content, fields, extrasaction="ignore", restval="")
            if content.tell() == 0:
                writer.writeheader()
            writer.writerow({key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()})


def _schedule(done: float, warmup: float) -> float:
    """Linear warm-up, then linear decay to a tenth. `done`: share of the training, the step that is taken included."""
    return done / warmup if done < warmup else 1.0 - 0.9 * (done - warmup) / (1.0 - warmup)


def _shards(lists: Sequence[TargetList], n: int) -> list[list[int]]:
    """The lists' places, in at most n parts of about as many tokens."""
    parts: list[list[int]] = [[] for _ in range(n)]
    sizes = [0] * n
    for i in sorted(range(len(lists)), key=lambda i: -lists[i].tokens):
        smallest = sizes.index(min(sizes))
        parts[smallest].append(i)
        sizes[smallest] += lists[i].tokens
    return [part for part in parts if part]
