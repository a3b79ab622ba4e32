"""MCP over streamable HTTP, behind the gate of `passel serve`: key, origin, rate, places, size and time of the body."""

from __future__ import annotations

from collections.abc import Collection

from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

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
