"""A real HTTP server on loopback that speaks OpenAI's chat completions, streamed or not, and fails in the ways that real ones do."""

from __future__ import annotations

import json
import select
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Mode = Literal[
    "ok",
    "garbage",  # 200 and HTML
    "wrong json",  # 200 and JSON that is no chat completion
    "wrong events",  # a stream whose events are no chat completion chunks
    "slow",  # no answer until the client leaves
    "stalls",  # a streamed answer that stops after two words, the connection stays open
    "500",
    "401",  # quotes the key that it refuses, as OpenAI does
    "404",
    "429",
    "refusal",  # the API's own refusal: no content, but a reason
    "empty",
    "cut",  # half of the body, then the connection breaks
    "ends early",  # a streamed answer whose connection is closed in good order after two words, without a finish reason
]


class OpenAIServer:
    """`url` is what a client takes as base_url. Set `mode` and `reply` at any time; `requests` holds what came in."""

    def __init__(self) -> None:
        self.mode: Mode = "ok"
        self.reply: str | Callable[[dict[str, Any]], str] = "The Lathe flows through Port Callow."
        self.ending: str = "stop"
        """The `finish_reason` of an answer; "length": no more tokens were allowed."""
        self.usage: bool = True
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.client_left = threading.Event()
        """Set when a client closed its connection while the server was still at work on its request ("slow", "stalls", long streams)."""
        self.word_pause = 0.0
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients break off on purpose here: no traceback."""


class _Handler(BaseHTTPRequestHandler):
    owner: OpenAIServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        owner, mode = self.owner, self.owner.mode
        owner.requests.append(body)
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        owner.keys.append(key)
        text = owner.reply(body) if callable(owner.reply) else owner.reply
        try:
            self._answer(mode, text, body, key)
        except OSError:  # broken pipe, connection reset
            self._left()

    def _answer(self, mode: Mode, text: str, body: dict[str, Any], key: str) -> None:
        if mode == "slow":
            self._wait_for_leaving()
        elif mode in ("500", "404", "429"):
            self._json({"error": {"message": f"the {mode} that the test asked for", "type": "server_error"}}, int(mode))
        elif mode == "401":
            self._json({"error": {"message": f"Incorrect API key provided: {key}.", "type": "invalid_request_error"}}, 401)
        elif mode == "garbage":
            self._send(b"<html><body>It works!</body></html>", "text/html")
        elif mode == "wrong json":
            self._json({"hello": "world"})
        elif body.get("stream"):
            self._events(text, mode, bool((body.get("stream_options") or {}).get("include_usage")), bool(body.get("logprobs")))
        elif mode == "cut":
            self._send(json.dumps(self._whole(text, body)).encode(), "application/json", only=40)
        elif mode == "refusal":
            self._json(self._whole(None, body, refusal="I cannot help with that."))
        else:
            self._json(self._whole("" if mode == "empty" else text, body))

    def _whole(self, text: str | None, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, **more}
        made = {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"]}
        used = {"usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}} if self.owner.usage else {}
        told = {"logprobs": _logprobs(text.split(" "))} if text and body.get("logprobs") else {}
        return {**made, "choices": [{"index": 0, "message": message, "finish_reason": self.owner.ending, **told}], **used}

    def _events(self, text: str, mode: Mode, with_usage: bool, with_logprobs: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if mode == "wrong events":
            self._event({"hello": "world"})
            self._event(["no", "chunk"])
        elif mode == "refusal":
            self._delta({"refusal": "I cannot help with that."})
        elif mode != "empty":
            for n, word in enumerate(text.split(" ")):
                if n == 2 and mode == "stalls":
                    return self._wait_for_leaving()
                if n == 2 and mode == "cut":
                    self.close_connection = True
                    return None
                if n == 2 and mode == "ends early":
                    return self._end()
                time.sleep(self.owner.word_pause)
                self._delta({"content": word if n == 0 else f" {word}"}, logprobs=_logprobs([word]) if with_logprobs else None)
        self._delta({}, self.owner.ending)
        if with_usage and self.owner.usage:
            self._event({**_CHUNK, "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}})
        self._write(b"data: [DONE]\n\n")
        return self._end()

    def _delta(self, delta: dict[str, Any], ending: str | None = None, logprobs: dict[str, Any] | None = None) -> None:
        self._event({**_CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": ending, "logprobs": logprobs}]})

    def _event(self, event: Any) -> None:
        self._write(f"data: {json.dumps(event)}\n\n".encode())

    def _write(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    def _send(self, data: bytes, kind: str, status: int = 200, only: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:only])
        self.close_connection = self.close_connection or only is not None

    def _wait_for_leaving(self) -> None:
        """Until the client closes its side of the connection, or the test is over."""
        while not self.owner._closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            if readable and not self.connection.recv(1):
                return self._left()
        self.close_connection = True
        return None

    def _left(self) -> None:
        self.owner.client_left.set()
        self.close_connection = True


def _logprobs(words: list[str]) -> dict[str, Any]:
    """As it is sent where a client asks for it: of each word as many tenths as it has letters."""
    return {"content": [{"token": word, "bytes": None, "logprob": -len(word) / 10, "top_logprobs": []} for word in words], "refusal": None}


_CHUNK = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "test"}
