"""64 clients at once for a minute: no error but 429, no answer that belongs to another, and memory that stays where it is."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

QUESTIONS = {
    "Who built the Tarn Light?": "light",
    "How high is the Tarn Light?": "light",
    "When was Mirel Ostane born?": "mirel",
    "How many people live in Brackwater?": "brackwater",
}
CLIENTS, SECONDS = 64, 60
MOST_GROWTH = 60_000_000
"""Bytes between the end of the first third and the end."""


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="memory is read from /proc")
async def test_many_clients_for_a_minute(process: Any) -> None:
    seen: Counter[int] = Counter()
    wrong: list[str] = []
    memory: list[tuple[float, int]] = []
    ends = time.monotonic() + SECONDS

    async def client(n: int) -> None:
        question, source = list(QUESTIONS.items())[n % len(QUESTIONS)]
        own = {"question": question, "thread": f"load-{n}", "id": f"{n}", "stream": False}
        async with httpx.AsyncClient(base_url=process.url, headers=process.headers, timeout=170) as http:
            while time.monotonic() < ends:
                answer = await http.post("/v1/answer", json=own)
                seen[answer.status_code] += 1
                if answer.status_code == 429:
                    await asyncio.sleep(int(answer.headers["Retry-After"]) * 0.2)
                elif answer.status_code == 200:
                    told = answer.json()
                    if (told["id"], told["question"]) != (f"{n}", question) or {cited["source"] for cited in told["citations"]} != {source}:
                        wrong.append(answer.text)

    async def watch() -> None:
        while time.monotonic() < ends:
            memory.append((time.monotonic(), resident(process.process.pid)))
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        for n in range(CLIENTS):
            group.create_task(client(n))
        group.create_task(watch())
    print(dict(seen), [round(size / 1e6) for _, size in memory[:: max(1, len(memory) // 12)]])
    assert set(seen) <= {200, 429}
    assert seen[200] > 0
    assert wrong == []
    settled = memory[len(memory) // 3][1]
    assert memory[-1][1] - settled < MOST_GROWTH
