"""Threads: the memory of conversations, one checkpoint each once a question is answered, in one SQLite file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


class Threads:
    """A LangGraph checkpointer that belongs to the event loop it was opened in, with what Passel needs beside it."""

    def __init__(self, saver: AsyncSqliteSaver) -> None:
        self.saver = saver

    @classmethod
    async def open(cls, path: Path) -> Threads:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = await aiosqlite.connect(path)
        await connection.execute("PRAGMA busy_timeout = 10000")
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
        return cls(saver)

    @staticmethod
    def config(thread: str) -> RunnableConfig:
        return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}

    async def values(self, thread: str) -> dict[str, Any]:
        """The thread's last state; {} where there is no such thread."""
        found = await self.saver.aget_tuple(self.config(thread))
        return dict(found.checkpoint["channel_values"]) if found else {}

    async def prune(self, thread: str) -> None:
        """Keeps the newest checkpoint of a thread: what led to a finished answer is not needed to go on."""
        async with self.saver.lock:
            for table in ("writes", "checkpoints"):
                await self.saver.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ?)",
                    (thread, thread),
                )
            await self.saver.conn.commit()

    async def delete(self, thread: str) -> None:
        await self.saver.adelete_thread(thread)

    async def close(self) -> None:
        await self.saver.conn.close()
