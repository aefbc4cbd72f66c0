import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from models.call import Address, Answer, ask, code_in
from models.factory import ModelSpec, close_model, make_model
from state.errors import PermanentError, RatchetError, SetupError, TransientError

ADDRESS: Address = {"task_id": "t", "prompt": "", "repeat": 0, "attempt": 0}
F = "def f(x):\n    return x\n"
PROMPT = 'def f(x):\n    """Return x."""\n'
LATER = "```python\ndef g():\n    pass\n```"


@pytest.mark.parametrize(
    ("answer", "program"),
    [
        (f"```python\n{F}```", F),
        (f"Sure.\n\n```\n{F}```\nDone.", F),
        (f"```py\n{F}```", F),
        (f"``` Python3 \n{F}```  ", F),
        (f"```python title=f.py\n{F}```", F),
        (f"```python\n{F}```".replace("\n", "\r\n"), F),
        (f"```python\ndef f(x):\n    return 0\n```\nBetter:\n```python\n{F}```\n{LATER}", F),
        (f"```text\nf(1) is 1\n```\n```python\n{F}```", F),
        (f"```bash\npip install f\n```\n```python\n{F}```\n```text\ndef f(x) is what you asked for\n```", F),
        ("1. Like this:\n\n   ```python\n   def f(x):\n       return x\n   ```", F),
        (f"```python\n{F}", F),
        (F, F),
        (f"import os\n\n{F}", f"import os\n\n{F}"),
        ("```python\n    return x\n```", PROMPT + "    return x\n"),
        ("````python\n" + 'T = """\n```\nx\n```\n"""\n' + F + "````", 'T = """\n```\nx\n```\n"""\n' + F),
        (f"`````markdown\n```python\n{F}```\n`````", ""),
        ("```python\n```", ""),
        ("```python\n\n  \n```", ""),
        ("```json\n{}\n```", ""),
        ("I cannot solve this.", ""),
        ("", ""),
        ("The rule follows\nfrom the examples: import them\ndefinitely.", ""),
        ("class of 1999\nfrom here to there\ndef is a keyword", ""),
    ],
)
def test_the_program_is_found_in_an_answer(answer: str, program: str) -> None:
    assert code_in(answer, "f", PROMPT) == program


def test_without_an_entry_point_the_longest_block_is_the_program() -> None:
    assert code_in(f"```python\nprint(1)\n```\n{LATER}", "", "Print one.") == "def g():\n    pass\n"


def test_an_answer_of_nothing_but_fences_is_read_in_one_pass() -> None:
    assert code_in("```python\n" * 200_000, "f", "") == "```python\n" * 199_999


def test_a_model_without_usage_has_no_tokens_and_an_unknown_price() -> None:
    answer = ask(FakeListChatModel(responses=["hello"]), [{"role": "user", "content": "hi"}], ADDRESS)
    assert (answer.text, answer.finish) == ("hello", "stop")
    assert {**answer.usage, "model_s": 0} == {
        "prompt_tokens": 0, "completion_tokens": 0, "cost_usd": None, "model_s": 0
    }  # fmt: skip


class Refusing(FakeListChatModel):
    """A model whose client raises."""

    error: Any

    def _call(self, *_: Any, **__: Any) -> str:
        raise self.error


class ReadTimeout(Exception):
    """Named as the HTTP libraries name theirs."""


@pytest.mark.parametrize(
    ("error", "sort"),
    [
        (ReadTimeout("slow"), TransientError),
        (ConnectionResetError("gone"), TransientError),
        (json.JSONDecodeError("cut off", "{", 1), TransientError),
        (ValueError("no such argument"), PermanentError),
        (SetupError("ours"), SetupError),
    ],
)
def test_an_error_without_a_status_is_sorted_by_what_it_is(error: Exception, sort: type[RatchetError]) -> None:
    with pytest.raises(sort):
        ask(Refusing(responses=[""], error=error), [{"role": "user", "content": "hi"}], ADDRESS)


Reply = Callable[[BaseHTTPRequestHandler], None]


def replying(status: int, body: object) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        raw = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return reply


def hanging_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"id": ')
    handler.close_connection = True


def completion(text: str, finish: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage
    }  # fmt: skip


@contextmanager
def server(reply: Reply, requests: list[dict[str, Any]]) -> Iterator[str]:
    """Serve OpenAI's protocol on loopback, every request with one reply; the address is yielded."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            reply(self)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/v1"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def asked(base_url: str) -> Answer:
    model = make_model(ModelSpec(name="openai:m", base_url=base_url, timeout_s=10.0))
    try:
        return ask(model, [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}], ADDRESS)
    finally:
        close_model(model)


@pytest.mark.parametrize(("finish", "ours"), [("stop", "stop"), ("length", "length")])
def test_an_answer_has_its_text_its_tokens_and_whether_it_was_cut_off(finish: str, ours: str) -> None:
    requests: list[dict[str, Any]] = []
    with server(replying(200, completion("hello", finish)), requests) as base_url:
        answer = asked(base_url)
    assert (answer.text, answer.finish) == ("hello", ours)
    assert (answer.usage["prompt_tokens"], answer.usage["completion_tokens"]) == (7, 3)
    assert [message["content"] for message in requests[0]["messages"]] == ["be brief", "hi"]


@pytest.mark.parametrize(
    ("reply", "sort", "message"),
    [
        (replying(429, {"error": {"message": "slow down"}}), TransientError, "the model answered 429: .*slow down"),
        (replying(500, {"error": {"message": "oops"}}), TransientError, "the model answered 500"),
        (replying(529, {}), TransientError, "the model answered 529"),
        (replying(401, {"error": {"message": "bad key"}}), SetupError, "refused with 401: .*bad key"),
        (replying(404, {"error": {"message": "no model m"}}), SetupError, "refused with 404"),
        (hanging_up, TransientError, "the model could not be reached"),
        (cut_off, TransientError, "the model could not be reached"),
    ],
)
def test_what_a_server_answers_is_sorted_and_it_is_asked_once(
    reply: Reply, sort: type[RatchetError], message: str
) -> None:
    requests: list[dict[str, Any]] = []
    with server(reply, requests) as base_url, pytest.raises(sort, match=message):
        asked(base_url)
    assert len(requests) == 1, "trying again is the graph's affair"


def test_a_server_that_is_not_there_is_worth_another_try() -> None:
    with server(hanging_up, []) as base_url:
        pass
    with pytest.raises(TransientError, match="the model could not be reached"):
        asked(base_url)
