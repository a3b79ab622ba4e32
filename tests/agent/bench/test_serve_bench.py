"""The benchmark asks a real server, and gives figures that fit together."""

from __future__ import annotations

import pytest

from passel.agent.bench.serve import run


@pytest.mark.slow
def test_a_small_run() -> None:
    row = run(count=2, rounds=1)
    assert (row.questions, row.rounds) == (2, 1)
    assert min(row.ask_p50, row.served_p50, row.first_event_p50) > 0
    assert row.first_event_p50 <= row.first_event_p95
