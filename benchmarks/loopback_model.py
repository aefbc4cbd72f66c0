"""A model on loopback that speaks OpenAI's wire protocol, solves "add n" tasks, and notes every request it gets."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from state.json_values import JsonObject

ADDEND = re.compile(r"def add_(\d+)\(")


def add_tasks(count: int) -> list[JsonObject]:
    """Return tasks that the model knows: every third is answered wrong at first, and right after feedback."""
    return [
        {
            "task_id": f"add/{n}",
            "prompt": f'def add_{n}(x: int) -> int:\n    """Return x plus {n}."""\n',
            "entry_point": f"add_{n}",
            "examples": [{"args": [1], "expected": 1 + n}],
            "tests": [{"args": [k], "expected": k + n} for k in range(10, 15)],
            "split": "test" if n % 10 == 9 else "train",
        }
        for n in range(count)
    ]


def write_tasks(path: Path, count: int) -> Path:
    """Write the tasks as a task file."""
    path.write_text("".join(json.dumps(task) + "\n" for task in add_tasks(count)), encoding="utf-8")
    return path


class QuietServer(ThreadingHTTPServer):
    """A server that says nothing of clients that hung up, or were killed."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Do nothing: a broken connection is what many of the clients are there for."""


class LoopbackModel:
    """The server; `requests` holds (entry point, is it a repair) for every request, in order.

    A request for a name in `failing` is answered with status 500; every prompt is kept in `prompts`.
    """

    def __init__(self, delay_s: float | Callable[[], float] = 0.0) -> None:
        self.requests: list[tuple[str, bool]] = []
        self.prompts: list[str] = []
        self.failing: set[str] = set()
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                time.sleep(delay_s() if callable(delay_s) else delay_s)
                model.prompts.append(json.dumps(body["messages"]))
                answer = json.dumps(model.answer(body["messages"][-1]["content"])).encode()
                self.send_response(500 if model.requests[-1][0] in model.failing else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def answer(self, prompt: str) -> JsonObject:
        """Return a chat completion for a prompt."""
        found = ADDEND.search(prompt)
        n, repair = int(found.group(1)) if found else 0, "## Feedback" in prompt
        self.requests.append((f"add_{n}", repair))
        wrong = n % 3 == 0 and not repair
        code = f"def add_{n}(x: int) -> int:\n    return x + {n + wrong}\n"
        message = {"role": "assistant", "content": f"```python\n{code}```"}
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": 20, "total_tokens": len(prompt) // 4 + 20}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {
            "id": "x", "object": "chat.completion", "created": 0, "model": "adder", "choices": [choice], "usage": usage
        }  # fmt: skip

    def close(self) -> None:
        """Let go of the address without having served."""
        self._server.server_close()

    @contextmanager
    def serving(self) -> Iterator["LoopbackModel"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
