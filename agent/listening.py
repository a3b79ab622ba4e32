"""Listening: who can reach a server at an address, under which names it may be asked there, that a key is set where others
reach it, and that the port is free."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

from ..tools.errors import UsageError
from .server.keys import Keys
from .settings import Settings


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def own_names(host: str) -> frozenset[str]:
    """What a client on this machine may call a server that listens there."""
    return frozenset(("localhost", "127.0.0.1", "::1", host.lower()))


def address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def must_be_free(host: str, port: int) -> None:
    """Raises UsageError where nothing can listen there, before anything is loaded for it."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as tried:
            if os.name == "posix":  # as uvicorn does: what was closed a moment ago can be had; on Windows this would share a port in use
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} is taken", "Use another: --port N.") from None
        raise UsageError(f"cannot listen on {host}, port {port}: {error.strerror}", "Use another: --host H, --port N.") from None


def key_for(host: str, settings: Settings) -> str:
    """PASSEL_API_KEY, "" where it holds no key. Raises UsageError where others can reach the host and there is none."""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    if Keys(key):
        return key
    if not is_loopback(host):
        raise UsageError(f"listening on {host} lets others in, and PASSEL_API_KEY is not set", "Set it, or listen on 127.0.0.1.")
    return ""
