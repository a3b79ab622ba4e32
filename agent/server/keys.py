"""Keys: who may use the server. PASSEL_API_KEY holds one, or several separated by commas; each of them opens everything."""

from __future__ import annotations

import hashlib
import hmac


class Keys:
    """Only digests are kept: a key cannot end in a log or a traceback."""

    def __init__(self, given: str | None) -> None:
        self._digests = [_digest(key.strip().encode()) for key in (given or "").split(",") if key.strip()]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def owner(self, authorization: bytes | None) -> str | None:
        """A name for the key in an Authorization header, to count its requests by; None where it holds none of ours.

        Takes as long for a wrong key as for a right one: digests are compared, all of them, each in constant time.
        """
        scheme, _, sent = (authorization or b"").partition(b" ")
        digest = _digest(sent.strip())
        found = [hmac.compare_digest(digest, known) for known in self._digests]
        return digest.hex()[:16] if scheme.lower() == b"bearer" and any(found) else None


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
