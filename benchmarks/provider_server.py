"""A server on loopback that speaks OpenAI's and Anthropic's protocols, streaming and not, and breaks as they do."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from random import Random

from benchmarks.loopback_model import LoopbackModel, QuietServer
from state.json_values import JsonObject, JsonValue

FAULTS = (
    "429 seconds", "429 date", "500", "529", "disconnect", "disconnect midway", "stall", "truncated", "corrupt"
)  # fmt: skip
PIECES = 4  # of a streamed answer


class ProviderServer:
    """Answers "add n" tasks as LoopbackModel does; a share of requests meets a fault, drawn from seed, prompt and try.

    `injected` counts the faults by kind; `answered` counts whole answers by protocol.
    """

    def __init__(
        self,
        share: float = 0.0,
        *,
        seed: int = 0,
        delay_s: float = 0.0,
        stall_s: float = 2.0,
        faults: Sequence[str] = FAULTS,
    ) -> None:
        self.injected: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.delay_s = delay_s
        self._share, self._seed, self._stall_s, self._faults = share, seed, stall_s, faults
        self._tries: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._adder = LoopbackModel()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.reply(self, body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def base_url(self, provider: str) -> str:
        """Return what to give as base URL for `openai` or `anthropic`."""
        return f"{self.address}/v1" if provider == "openai" else self.address

    def reply(self, handler: BaseHTTPRequestHandler, body: JsonObject) -> None:
        """Answer one request, or fail at it."""
        protocol = "anthropic" if handler.path.endswith("/messages") else "openai"
        prompt = _text(body["messages"][-1]["content"])
        with self._lock:
            self.headers.append(dict(handler.headers.items()))
            fault = self._draw(json.dumps(body["messages"]))
            if fault:
                self.injected[fault] += 1
            else:
                self.answered[protocol] += 1
        if fault in ("429 seconds", "429 date", "500", "529"):
            return _refuse(handler, fault, protocol)
        if fault == "disconnect":
            handler.close_connection = True
            return None
        if fault == "stall":
            time.sleep(self._stall_s)
            handler.close_connection = True
            return None
        time.sleep(self.delay_s)
        answer = self._adder.answer(prompt)
        if body.get("stream"):
            return _stream(handler, protocol, answer, fault)
        return _send(handler, answer if protocol == "openai" else _anthropic(answer), fault)

    @contextmanager
    def serving(self) -> Iterator["ProviderServer"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
            self._adder.close()

    def _draw(self, prompt: str) -> str:
        number = self._tries[prompt]
        self._tries[prompt] += 1
        draw = Random(f"{self._seed}:fault:{prompt}:{number}")
        return draw.choice(self._faults) if draw.random() < self._share else ""


def _text(content: JsonValue) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _refuse(handler: BaseHTTPRequestHandler, fault: str, protocol: str) -> None:
    kind = {"429": "rate_limit_error", "500": "api_error", "529": "overloaded_error"}[fault[:3]]
    error = {"type": kind, "message": f"injected {fault}"}
    raw = json.dumps({"type": "error", "error": error} if protocol == "anthropic" else {"error": error}).encode()
    handler.send_response(int(fault[:3]))
    if fault == "429 seconds":
        handler.send_header("Retry-After", "0.02")
    if fault == "429 date":
        handler.send_header("Retry-After", formatdate(time.time(), usegmt=True))
    _finish(handler, raw, "application/json", len(raw))


def _send(handler: BaseHTTPRequestHandler, answer: JsonObject, fault: str) -> None:
    raw = json.dumps(answer).encode()
    length = len(raw)
    if fault in ("truncated", "disconnect midway"):  # fewer bytes than announced
        raw = raw[: length // 2]
        handler.close_connection = True
    if fault == "corrupt":
        raw = raw[: length // 2] + b"\x00{!" + raw[length // 2 + 3 :]
    handler.send_response(200)
    _finish(handler, raw, "application/json", length)


def _finish(handler: BaseHTTPRequestHandler, raw: bytes, kind: str, length: int) -> None:
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(raw)


def _stream(handler: BaseHTTPRequestHandler, protocol: str, answer: JsonObject, fault: str) -> None:
    """Stream an answer; a fault sets in after half of it."""
    events = _openai_events(answer) if protocol == "openai" else _anthropic_events(answer)
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.close_connection = True
    if fault == "disconnect midway":
        handler.send_header("Transfer-Encoding", "chunked")  # its end is missing
    handler.end_headers()
    half = len(events) // 2
    for number, event in enumerate(events):
        if number == half and fault in ("truncated", "disconnect midway"):
            return
        raw = event.encode()
        if number == half and fault == "corrupt":
            raw = b"da\xffa\x00: {broken\n\n"
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw) if fault == "disconnect midway" else raw)


def _pieces(text: str) -> list[str]:
    size = max(1, -(-len(text) // PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _openai_events(answer: JsonObject) -> list[str]:
    shared = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": answer["model"]}
    text = answer["choices"][0]["message"]["content"]
    chunks: list[JsonObject] = [
        {**shared, "choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}]}
        for piece in _pieces(text)
    ]
    chunks.append({**shared, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({**shared, "choices": [], "usage": answer["usage"]})
    return [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]


def _anthropic(answer: JsonObject) -> JsonObject:
    usage = answer["usage"]
    return {
        "id": "msg", "type": "message", "role": "assistant", "model": answer["model"], "stop_sequence": None,
        "content": [{"type": "text", "text": answer["choices"][0]["message"]["content"]}], "stop_reason": "end_turn",
        "usage": {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]},
    }  # fmt: skip


def _anthropic_events(answer: JsonObject) -> list[str]:
    message = _anthropic(answer)
    begun = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    events: list[JsonObject] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    events += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in _pieces(message["content"][0]["text"])
    ]
    events += [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": message["usage"],
        },
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
