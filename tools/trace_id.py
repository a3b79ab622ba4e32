"""The trace id of the run under way, wherever its code runs: what ties log lines and spans to the answer that carries it."""

from __future__ import annotations

from contextvars import ContextVar

TRACE_ID: ContextVar[str] = ContextVar("passel_trace_id", default="")
"""32 hexadecimal digits; "" outside a run."""
