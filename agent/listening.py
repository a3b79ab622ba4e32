"""Listening: who can reach a server at an address, under which names it may be asked there, and that a key is set where others reach it."""

from __future__ import annotations

import ipaddress

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


def key_for(host: str, settings: Settings) -> str:
    """PASSEL_API_KEY, "" where it holds no key. Raises UsageError where others can reach the host and there is none."""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    if Keys(key):
        return key
    if not is_loopback(host):
        raise UsageError(f"listening on {host} lets others in, and PASSEL_API_KEY is not set", "Set it, or listen on 127.0.0.1.")
    return ""
