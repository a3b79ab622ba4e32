"""MCP over streamable HTTP, behind the gate of `passel serve`: key, origin, rate, places, size and time of the body."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection

import uvicorn
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from sse_starlette.sse import AppStatus

from .server.errors import handle_errors
from .server.gate import Gate
from .server.keys import Keys
from .server.limits import Limits


def create_mcp_app(server: MCPServer, *, key: str | None, limits: Limits, hosts: Collection[str] = ()) -> Gate:
    """key, hosts: see `Gate` and `Keys`."""
    checked_by_the_gate = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(max_request_body_size=limits.body_bytes, transport_security=checked_by_the_gate)
    handle_errors(app)  # of a body that is too large or too late, the gate learns while the app reads it
    return Gate(app, Keys(key), limits, hosts=hosts)


def serve_mcp(gate: Gate, host: str, port: int) -> None:
    """Until SIGTERM or Ctrl-C, which finish the calls that are running."""
    seconds = int(gate.limits.seconds) + 5
    config = uvicorn.Config(gate, host=host, port=port, log_level="warning", proxy_headers=False, timeout_graceful_shutdown=seconds)
    _Server(config, gate).run()


class _Server(uvicorn.Server):
    """Ends the streams of events when no call runs any more. By itself the library that sends them breaks all of them off at once, answers as well,
    and uvicorn would wait for the streams on which clients listen for as long as they do."""

    def __init__(self, config: uvicorn.Config, gate: Gate) -> None:
        super().__init__(config)
        self._gate = gate
        AppStatus.enable_automatic_graceful_drain = False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = asyncio.create_task(self._end_streams())
        await super().shutdown(sockets)
        ending.cancel()

    async def _end_streams(self) -> None:
        while self._gate.working:
            await asyncio.sleep(0.05)
        AppStatus.should_exit = True
