"""The same calls to mem0ai's `Memory` and to ours: what is returned or raised, call by call.

    python -m benchmarks.mem0_calls --peers-python VENV/bin/python

mem0ai 2.2.1 runs in the interpreter of a virtual environment that holds it and chromadb, with Chroma, infer=False
(there is no model) and vectors that count words; ours in this one, with its defaults. Compared are values, keys, order
and errors (class and message). Ids are numbered as they appear, times are only parsed, and scores only looked at for
their range: two engines score differently, and by Chroma two texts that share nothing are alike by .33. So searches ask
for the best one, or set a threshold that parts like from unlike. What differs on purpose is in ON_PURPOSE.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

Memory: TypeAlias = Any
"""mem0's memory or ours: what is asked is whether they do the same."""
Answer: TypeAlias = Any
"""What a call of one of them returns."""
Call: TypeAlias = Callable[[Memory, list[str]], Answer]

ANN, BOB, BOT = {"user_id": "ann"}, {"user_id": "bob"}, {"agent_id": "bot"}
DIALOGUE = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "zebra stripes", "name": "ann"},
    {"role": "assistant", "content": "black and white"},
]


def add(text: object, **options: object) -> Call:
    """Return a call that adds without a model and keeps the ids."""

    def call(memory: Memory, ids: list[str]) -> Answer:
        found = memory.add(text, **{"infer": False, **options})
        ids += [item["id"] for item in found["results"]]
        return found

    return call


def of(method: str, *given: Any, **options: object) -> Call:
    """Return a call of a method; an int as first argument stands for the id of the memory that was added so-and-so."""

    def call(memory: Memory, ids: list[str]) -> Answer:
        first = [ids[given[0]], *given[1:]] if given and isinstance(given[0], int) else given
        return getattr(memory, method)(*first, **options)

    return call


CALLS: dict[str, Call] = {
    "add: a text": add("I like green tea", user_id="ann"),
    "add: with metadata": add("the cat sleeps on the barn", user_id="ann", metadata={"topic": "cat", "level": 1}),
    "add: a dictionary": add(
        {"role": "user", "content": "blue bicycle in the garage"}, user_id="ann", metadata={"level": 2}
    ),
    "add: a dialogue": add(DIALOGUE, user_id="ann", agent_id="bot", metadata={"level": 3}),
    "add: for an agent alone": add("answers politely", agent_id="bot"),
    "add: in a run": add("the build failed twice", user_id="ann", run_id="r1"),
    "add: an id with space around it": add("loves orchids", user_id=" bob "),
    "add: the same text again": add("I like green tea", user_id="ann"),
    "add: expired": add("old umbrella", user_id="bob", expiration_date="2001-01-01"),
    "add: with a date to come": add("new umbrella", user_id="bob", expiration_date="2999-01-01"),
    "add: system messages alone": add([{"role": "system", "content": "be brief"}], user_id="ann"),
    "add: without any id": add("x"),
    "add: an empty id": add("x", user_id=" "),
    "add: an id of two words": add("x", user_id="a b"),
    "add: a number": add(3, user_id="ann"),
    "add: an unknown memory type": add("x", user_id="ann", memory_type="no"),
    "add: no date": add("x", user_id="ann", expiration_date="soon"),
    "get": of("get", 0),
    "get: with metadata": of("get", 1),
    "get: of a dialogue": of("get", 3),
    "get: with a date": of("get", 9),
    "get: an unknown id": of("get", "00000000-0000-0000-0000-000000000000"),
    "get_all: of a user": of("get_all", filters=ANN),
    "get_all: of an agent": of("get_all", filters=BOT),
    "get_all: of a run": of("get_all", filters={"run_id": "r1"}),
    "get_all: of user and agent": of("get_all", filters={**ANN, **BOT}),
    "get_all: two of them": of("get_all", filters=ANN, top_k=2),
    "get_all: none of them": of("get_all", filters=ANN, top_k=0),
    "get_all: what has not expired": of("get_all", filters=BOB),
    "get_all: expired as well": of("get_all", filters=BOB, show_expired=True),
    "get_all: metadata equals": of("get_all", filters={**ANN, "topic": "cat"}),
    "get_all: eq": of("get_all", filters={**ANN, "level": {"eq": 2}}),
    "get_all: ne": of("get_all", filters={**ANN, "level": {"ne": 2}}),
    "get_all: gte": of("get_all", filters={**ANN, "level": {"gte": 2}}),
    "get_all: gt and lt": of("get_all", filters={**ANN, "level": {"gt": 0, "lt": 2}}),
    "get_all: in": of("get_all", filters={**ANN, "level": {"in": [1, 2]}}),
    "get_all: nin": of("get_all", filters={**ANN, "level": {"nin": [1, 2]}}),
    "get_all: any value": of("get_all", filters={**ANN, "topic": "*"}),
    "get_all: AND": of("get_all", filters={**ANN, "AND": [{"level": {"gte": 1}}, {"level": {"lte": 1}}]}),
    "get_all: OR": of("get_all", filters={**ANN, "OR": [{"level": 1}, {"level": 2}]}),
    "get_all: NOT": of("get_all", filters={**ANN, "NOT": [{"level": 1}]}),
    "get_all: a stranger": of("get_all", filters={"user_id": "eve"}),
    "get_all: an id outside of filters": of("get_all", user_id="ann"),
    "get_all: without filters": of("get_all"),
    "get_all: without an id": of("get_all", filters={"level": 1}),
    "get_all: a negative number": of("get_all", filters=ANN, top_k=-1),
    "get_all: no number": of("get_all", filters=ANN, top_k="3"),
    "search": of("search", "blue bicycle in the garage", filters=ANN, threshold=0.6),
    "search: the best one": of("search", "cat sleeps barn", filters=ANN, top_k=1),
    "search: explained": of("search", "zebra stripes", filters=ANN, threshold=0.6, explain=True),
    "search: a high threshold": of("search", "answers politely", filters=BOT, threshold=0.9),
    "search: nothing like it": of("search", "quantum chromodynamics", filters=ANN, threshold=0.5),
    "search: with metadata": of("search", "cat sleeps barn", filters={**ANN, "level": {"gte": 1}}, top_k=1),
    "search: a stranger": of("search", "green tea", filters={"user_id": "eve"}),
    "search: an id outside of filters": of("search", "x", user_id="ann"),
    "search: without filters": of("search", "x"),
    "search: no text": of("search", " ", filters=ANN),
    "search: a number": of("search", query=3, filters=ANN),
    "search: a threshold above 1": of("search", "x", filters=ANN, threshold=1.5),
    "search: no threshold": of("search", "x", filters=ANN, threshold="1"),
    "search: none of them": of("search", "green tea", filters=ANN, top_k=0),
    "update: the text": of("update", 1, "the dog sleeps on the barn"),
    "update: the metadata": of("update", 1, metadata={"level": 9, "mood": "calm"}),
    "update: by the old name": of("update", 2, data="red bicycle in the garage"),
    "update: a date": of("update", 2, expiration_date="2999-12-31"),
    "update: no date any more": of("update", 2, expiration_date=None),
    "update: nothing": of("update", 1),
    "update: an unknown id": of("update", "00000000-0000-0000-0000-000000000000", "x"),
    "get: after updates": of("get", 1),
    "get: after dates": of("get", 2),
    "search: after an update": of("search", "dog sleeps barn", filters=ANN, top_k=1),
    "history: of two updates": of("history", 1),
    "delete": of("delete", 2),
    "delete: again": of("delete", 2),
    "get: after a delete": of("get", 2),
    "history: after a delete": of("history", 2),
    "history: an unknown id": of("history", "00000000-0000-0000-0000-000000000000"),
    "delete_all: without an id": of("delete_all"),
    "delete_all": of("delete_all", user_id="bob"),
    "get_all: after delete_all": of("get_all", filters=BOB, show_expired=True),
    "get_all: of others after delete_all": of("get_all", filters=BOT),
    "update: an empty text": of("update", 0, " "),
    "chat": of("chat", "hello"),
    "reset": of("reset"),
    "get_all: after reset": of("get_all", filters=ANN),
    "history: after reset": of("history", 0),
}
_GROUPS = "mem0 hands these to Chroma, which refuses them"
ON_PURPOSE = {
    "get_all: none of them": "mem0 gives one for top_k=0",
    "get_all: AND": _GROUPS,
    "get_all: OR": _GROUPS,
    "get_all: NOT": _GROUPS,
    "update: an empty text": "a memory without a text cannot be found",
}


def compare(name: str, theirs: Answer, own: Answer) -> str:
    """Print a line about a call; return whether the answers are equal, different on purpose, or different."""
    kind = "equal" if theirs == own else "on purpose" if name in ON_PURPOSE else "different"
    print(f"{kind:12}{name}{f': {ON_PURPOSE[name]}' if kind == 'on purpose' else ''}")
    if kind != "equal":
        print(f"            mem0  {json.dumps(theirs)[:600]}\n            ours  {json.dumps(own)[:600]}")
    return kind


def main() -> None:
    """Print a line per call; exit 1 when one differs that should not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers-python", default="")
    parser.add_argument("--run", choices=("mem0", "ours"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        answers(mem0 if arguments.run == "mem0" else ours)
        return
    theirs, own = observed(arguments.peers_python or sys.executable, "mem0"), observed(sys.executable, "ours")
    counts = {"equal": 0, "on purpose": 0, "different": 0}
    for name in CALLS:
        counts[compare(name, theirs[name], own[name])] += 1
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    sys.exit(1 if counts["different"] else 0)


def observed(python: str, whose: str) -> dict[str, Answer]:
    """Run every call in a process and return what came of it."""
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)} if whose == "ours" else dict(os.environ)
    done = subprocess.run(
        [python, __file__, "--run", whose], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        sys.exit(f"{whose}: {done.stderr[-2000:]}")
    found: dict[str, Answer] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def answers(make: Callable[[Path], Memory]) -> None:
    """Call everything in order and print what came of it as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        memory, ids, names = make(Path(folder)), list[str](), dict[str, str]()
        found = {name: answer(call, memory, ids, names) for name, call in CALLS.items()}
    print(json.dumps(found))


def answer(call: Call, memory: Memory, ids: list[str], names: dict[str, str]) -> Answer:
    """Return what a call gives, or raises, without what no two runs have in common."""
    try:
        return plain(call(memory, ids), names)
    except Exception as error:  # noqa: BLE001 - any error is an answer to compare
        kinds = [kind.__name__ for kind in type(error).__mro__]
        kind = next(
            one for one in kinds if one in ("ValidationError", "ValueError", "NotImplementedError", "Exception")
        )
        message = str(error)
        for one, name in names.items():
            message = message.replace(one, name)
        return {"raises": kind, "message": message}


def plain(value: Answer, names: dict[str, str], key: str = "") -> Answer:
    """Return a value with ids numbered and times and scores checked."""
    if isinstance(value, dict):
        if key == "score_details":
            return sorted(value)
        left_out = {"id"} if "memory_id" in value else set()  # of a line of the history its own id says nothing
        return {name: plain(value[name], names, name) for name in sorted(value.keys() - left_out)}
    if isinstance(value, list):
        return [plain(one, names) for one in value]
    return plain_leaf(value, names, key)


def plain_leaf(value: Answer, names: dict[str, str], key: str) -> Answer:
    """Return a value that holds no others, by the name it goes by."""
    if key in ("id", "memory_id"):
        return names.setdefault(value, f"id {len(names)}")
    if key in ("created_at", "updated_at") and value is not None:
        return f"time in {datetime.fromisoformat(value).tzinfo}"
    if key == "score" and value is not None:
        return "in [0, 1]" if 0 <= value <= 1 + 1e-6 else value
    return value


def ours(folder: Path) -> Memory:
    """Return our memory."""
    from memory.mem0 import Memory

    return Memory.from_config({"home": folder / "home"})


def mem0(folder: Path) -> Memory:
    """Return mem0's memory, with vectors that count words."""
    os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=str(folder), OPENAI_API_KEY="none")
    from mem0 import Memory
    from mem0.embeddings.mock import MockEmbeddings
    from mem0.utils import factory

    class Counting(MockEmbeddings):
        def __init__(self) -> None:
            self.config = None
            self._places: dict[str, int] = {}

        def embed(self, text: str, memory_action: object = None) -> list[float]:
            values = [0.0] * 1536
            for word in text.lower().split():
                values[self._places.setdefault(word, len(self._places))] += 1.0
            length = sum(value * value for value in values) ** 0.5 or 1.0
            return [value / length for value in values]

        def embed_batch(self, texts: list[str], memory_action: object = None) -> list[list[float]]:
            return [self.embed(text) for text in texts]

    factory.EmbedderFactory.create = classmethod(lambda *_, **__: Counting())
    factory.LlmFactory.create = classmethod(lambda *_, **__: None)
    store = {"provider": "chroma", "config": {"collection_name": "calls", "path": str(folder / "chroma")}}
    return Memory.from_config({"vector_store": store, "history_db_path": str(folder / "history.db")})


if __name__ == "__main__":
    main()
