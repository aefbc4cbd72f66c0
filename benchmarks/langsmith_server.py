"""A stand-in for LangSmith on loopback: takes runs, feedback, datasets; or hangs, or fails."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from benchmarks.loopback_model import QuietServer
from state.json_values import JsonObject, JsonValue

NOW = "2026-01-01T00:00:00+00:00"


class LangSmithServer:
    """Keeps what it gets: `runs` and `feedback` by id, `examples`, and every byte in `received`."""

    def __init__(self, mood: Literal["well", "hangs", "fails"] = "well") -> None:
        self.runs: dict[str, JsonObject] = {}
        self.feedback: dict[str, JsonObject] = {}
        self.examples: dict[str, JsonObject] = {}
        self.datasets: dict[str, JsonObject] = {}
        self.projects: dict[str, JsonObject] = {}
        self.received = b""
        self.requests = 0
        self._mood = mood
        self._ended = threading.Event()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server._take(self, body)

            do_GET = do_POST = do_PATCH = _serve  # noqa: N815

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that send traces here."""
        return {
            "LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": self.address, "LANGSMITH_API_KEY": "lsv2-canary-key",
            "LANGSMITH_PROJECT": "a-project",
        }  # fmt: skip

    @contextmanager
    def serving(self) -> Iterator["LangSmithServer"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _take(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        with self._lock:
            self.requests += 1
            self.received += body
        if self._mood == "hangs":
            self._ended.wait()
            handler.close_connection = True
            return
        status, answer = (500, {}) if self._mood == "fails" else self._answer(handler, body)
        raw = json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, JsonValue]:
        address = urlsplit(handler.path)
        with self._lock:
            if address.path == "/runs/multipart":
                self._multipart(handler.headers["Content-Type"], body)
                return 202, {}
            if address.path == "/info":
                return 200, {"version": "0.10.0", "batch_ingest_config": {}, "instance_flags": {}}
            if address.path == "/datasets":
                return self._named(self.datasets, handler.command, body, parse_qs(address.query), "name")
            if address.path == "/sessions":
                return self._named(self.projects, handler.command, body, parse_qs(address.query), "name")
            if re.match(r".*/examples(/bulk)?$", address.path):
                return self._examples(handler, body)
        return 404, {"detail": handler.path}

    def _multipart(self, kind: str, body: bytes) -> None:
        for name, value in _parts(kind, body):
            what, identity, *inner = name.split(".")
            if what == "feedback":
                self.feedback[identity] = value
            elif inner:
                self.runs[identity][inner[0]] = value
            else:
                self.runs[identity] = value

    def _named(
        self, kept: dict[str, JsonObject], method: str, body: bytes, query: dict[str, list[str]], key: str
    ) -> tuple[int, JsonValue]:
        if method == "GET":
            return 200, [kept[name] for name in query.get(key, []) if name in kept]
        given = json.loads(body)
        new = {"id": str(uuid.uuid4()), "created_at": NOW, "start_time": NOW, "tenant_id": str(uuid.uuid4())}
        kept[given[key]] = {**new, "data_type": "kv", **{name: value for name, value in given.items() if value}}
        return 200, kept[given[key]]

    def _examples(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, JsonValue]:
        if handler.command == "GET":
            return 200, []
        kind = handler.headers["Content-Type"]
        if kind.startswith("multipart"):
            for name, value in _parts(kind, body):
                example, _, field = name.partition(".")
                self.examples.setdefault(example, {})[field] = value
            return 201, {"count": len(self.examples), "example_ids": list(self.examples)}
        for example in json.loads(body):
            self.examples[example["id"]] = example
        return 200, []


def _parts(kind: str, body: bytes) -> Iterator[tuple[str, JsonValue]]:
    """Yield the name and the JSON value of each part of a multipart body."""
    message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if name is not None:
            payload: Any = part.get_payload(decode=True)
            yield str(name), json.loads(payload)
