"""Batches hold everything once, and the pool neither changes torch's threads nor hangs."""

from __future__ import annotations

import multiprocessing
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.batches import by_length, on_every_core, workers


@given(lengths=st.lists(st.integers(0, 300)), tokens=st.integers(1, 1000))
def test_every_item_once_within_the_budget_longest_first(lengths: list[int], tokens: int) -> None:
    batches = by_length(lengths, tokens)
    order = [index for batch in batches for index in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[index] for index in order] == sorted(lengths, reverse=True)
    assert all(sum(lengths[index] for index in batch) <= tokens or len([index for index in batch if lengths[index]]) == 1 for batch in batches)


def test_results_come_in_order_from_single_threaded_workers() -> None:
    before = torch.get_num_threads()
    batches = [[i] for i in range(50)]
    results = list(on_every_core(lambda batch: (batch[0] ** 2, torch.get_num_threads(), threading.current_thread().name), batches))
    assert [(batch, result[0]) for batch, result in results] == [([i], i**2) for i in range(50)]
    assert {result[1] for _, result in results} == {1}
    assert "MainThread" not in {result[2] for _, result in results}
    assert torch.get_num_threads() == before
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [before]  # threads born later keep the setting, too


def test_an_error_reaches_the_caller_and_stops_the_rest() -> None:
    done: list[int] = []

    def work(batch: list[int]) -> None:
        if batch == [1]:
            raise ZeroDivisionError
        done.append(batch[0])

    with pytest.raises(ZeroDivisionError):
        list(on_every_core(work, [[i] for i in range(1000)]))
    assert len(done) < 1000
    assert len(list(on_every_core(lambda batch: batch, [[0], [1]]))) == 2  # and the pool still works


def _in_child(queue: multiprocessing.Queue[int]) -> None:
    queue.put(sum(result for _, result in on_every_core(lambda batch: batch[0], [[i] for i in range(10)])))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="the platform cannot fork")
def test_a_forked_process_has_workers_of_its_own() -> None:
    assert workers() >= 1
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[int] = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    try:
        assert queue.get(timeout=60) == 45
    finally:
        child.kill()
