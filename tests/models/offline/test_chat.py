"""The chat model and its search processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage

from benchmarks.offline_messages import messages, outcome
from models.offline.chat import OfflineChatModel
from models.offline.pool import SearchPool, pool_of

QUESTION = '''## Task
```python
def f(xs: list[int]) -> int:
    """Total."""
```

## Examples
```python
assert f([1, 5]) == 6
assert f([2, 2, 3]) == 7
```'''
HANGING_MEMORY = """

## Memories
### Memory m (procedural, similarity 0.9): total
```python
import re
def total(x):
    return re.match('(a+)+b', 'a' * 40)
```"""
SCRIPT = """
import sys
from benchmarks.offline_messages import messages, outcome
from models.offline.chat import OfflineChatModel
print(OfflineChatModel(budget=3000).invoke(sys.argv[1]).text)
"""


@pytest.fixture(scope="module")
def model() -> Iterator[OfflineChatModel]:
    yield OfflineChatModel(budget=3_000, workers=2)
    pool_of(2).close()


def test_the_answer_has_one_block_usage_and_metadata(model: OfflineChatModel) -> None:
    answer = model.invoke([SystemMessage("Write Python."), HumanMessage(QUESTION)])
    assert answer.text.count("```python") == 1
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] > 20
    assert answer.response_metadata["model_name"] == "offline-synth"
    assert answer.response_metadata["token_counter"] == "regex"


def test_a_refusal_has_no_code_block(model: OfflineChatModel) -> None:
    answer = model.invoke("What is the meaning of life?")
    assert "```" not in answer.text
    assert answer.response_metadata["candidates"] == 0


def test_a_stream_adds_up_to_the_answer(model: OfflineChatModel) -> None:
    chunks = list(model.stream(QUESTION))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert isinstance(whole, AIMessageChunk)
    assert whole.text == model.invoke(QUESTION).text
    assert whole.usage_metadata == model.invoke(QUESTION).usage_metadata


def test_equal_messages_give_equal_answers_from_several_threads(model: OfflineChatModel) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = {answer.text for answer in threads.map(lambda _: model.invoke(QUESTION), range(8))}
    assert len(answers) == 1


@pytest.mark.parametrize("seed", ["1", "2"])
def test_answers_do_not_depend_on_the_hash_seed(model: OfflineChatModel, seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, QUESTION]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == model.invoke(QUESTION).text


def test_a_killed_search_process_is_replaced(model: OfflineChatModel) -> None:
    model.invoke(QUESTION)
    for pid in pool_of(2).pids():
        os.kill(pid, 9)
    assert "```python" in model.invoke(QUESTION).text


def test_a_memory_that_hangs_the_process_is_left_out(model: OfflineChatModel) -> None:
    answer = model.invoke(QUESTION + HANGING_MEMORY)
    assert "return sum(xs)" in answer.text
    assert answer.response_metadata["memories_used"] == []


def test_closing_the_pool_leaves_no_process_behind() -> None:
    pool = SearchPool(1)
    pool.ask("", QUESTION, 500)
    (pid,) = pool.pids()
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "(" * 10_000,
        "\ud800",
        "```python\ndef f(",
        "## Task\n## Task\n## Examples",
        "def f(x):\n" + "é" * 100_000,
    ],
)
def test_malformed_messages_get_a_refusal(model: OfflineChatModel, text: str) -> None:
    assert "```" not in model.invoke(text).text


@pytest.mark.parametrize("seed", range(28))
def test_random_and_hostile_messages_end_in_an_answer_or_a_refusal(model: OfflineChatModel, seed: int) -> None:
    answer = model.invoke(messages(seed))
    assert outcome(answer.text) in ("answer", "refusal")
    assert answer.response_metadata["candidates"] <= model.budget


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the environment of another process is in /proc")
def test_search_processes_get_no_secrets_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hidden")
    pool = SearchPool(1)
    pool.ask("", QUESTION, 500)
    (pid,) = pool.pids()
    environment = Path(f"/proc/{pid}/environ").read_text()
    pool.close()
    assert "hidden" not in environment
