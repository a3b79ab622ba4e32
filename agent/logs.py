"""Structured logs: one JSON object a line, with the trace id that the answer carries. Neither questions nor passages stand in them, nor keys.

On the command line: PASSEL_LOG=json. In a program of one's own: `handler.setFormatter(JsonLines())` on any handler.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from datetime import UTC, datetime
from typing import Any

from ..tools.trace_id import TRACE_ID

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`, `trace_id` within a run, whatever was given as `extra`, and of an exception where it came from.

    An exception's text is left out: it may quote a document or an address with a key in it.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace_id := TRACE_ID.get():
            line["trace_id"] = trace_id
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, at = record.exc_info
            line["error"] = kind.__name__
            line["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(at)]
        return json.dumps(line, ensure_ascii=False, default=str)


def wanted() -> bool:
    return os.environ.get("PASSEL_LOG", "").strip().lower() == "json"


def json_handler() -> logging.Handler:
    """To stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    return handler


def log_requests() -> None:
    """What a server logs on stderr: what failed, where; over HTTP a line a request: id, method, path without its query, status, time."""
    log = logging.getLogger("passel")
    if not wanted():
        handler = logging.StreamHandler()
        handler.setFormatter(_Lines("%(asctime)s %(message)s"))
        log.handlers[:] = [handler]
    log.setLevel(logging.INFO)


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Of a copy: a formatter keeps an exception's lines in the record, for the next handler to show."""
        own = logging.makeLogRecord(vars(record))
        own.exc_text = None
        return super().format(own)

    def formatException(self, ei: Any) -> str:
        """Where an exception came from. Its text may quote a document or a question, and stays out of the log."""
        kind, _, at = ei
        return "".join([*traceback.format_tb(at), kind.__name__])
