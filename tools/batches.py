"""Batches of like length, one core each.

Cutting the work between cores by batch, with torch single-threaded inside each, beats torch's own threads, which wait for each other in every
operation: the same speed on two idle cores (MiniLM, bf16), and seven times theirs when other processes compete for them.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")


def by_length(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Indices of all items in batches of at most `tokens` (an item longer than that is a batch of its own), longest items first."""
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if not batches or lengths[index] > room:
            batches.append([])
            room = tokens
        batches[-1].append(index)
        room -= lengths[index]
    return batches


def workers() -> int:
    """How many batches `on_every_core` runs at once: as many as torch would use threads (OMP_NUM_THREADS, else the physical cores)."""
    return _pool()[1]


def on_every_core(work: Callable[[list[int]], Result], batches: Sequence[list[int]]) -> Iterator[tuple[list[int], Result]]:
    """Each batch with its result, in the order of the batches. What has not begun is dropped when the caller stops asking."""
    pool, threads = _pool()
    waiting: deque[tuple[list[int], Future[Result]]] = deque()
    todo = iter(batches)
    try:
        while True:
            while len(waiting) < 2 * threads and (batch := next(todo, None)) is not None:
                waiting.append((batch, pool.submit(work, batch)))
            if not waiting:
                return
            batch, future = waiting.popleft()
            yield batch, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def on_one_core(work: Callable[[], Result]) -> Result:
    """For work of many small operations: torch's threads would wait for each other in every one of them."""
    return _pool()[0].submit(work).result()


_lock = threading.Lock()


def _pool() -> tuple[ThreadPoolExecutor, int]:
    with _lock:  # `cache` alone would let two first callers make a pool each
        return _pool_of(os.getpid())


@cache
def _pool_of(pid: int) -> tuple[ThreadPoolExecutor, int]:  # noqa: ARG001 (a fork inherits no threads: each process makes its own)
    import torch

    threads = torch.get_num_threads()
    ready = threading.Barrier(threads + 1)

    def single_threaded() -> None:
        torch.get_num_threads()  # takes over the global setting now, so that it cannot undo the next line later
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="passel", initializer=single_threaded)
    for _ in range(threads):
        pool.submit(int)
    ready.wait()
    torch.set_num_threads(threads)  # the workers' 1 is also the default of threads to come: put it back
    return pool, threads
