"""Speed and size of the memory, side by side with chromadb, mem0ai and LangGraph's InMemoryStore.

    python benchmarks/memory_speed.py [--sizes 1000,10000,100000] [--peers-python VENV/bin/python] [--filter-share .33]

Ours runs in this interpreter; peers in the interpreter of a virtual environment that holds chromadb, mem0ai and
langgraph (without it they are left out). Everybody gets the same generated texts (30 words of a Zipf-like vocabulary)
and the same hashed vectors of 384 numbers, offline. Each contender is a process of its own; the store is filled in
batches of 500 where it takes batches (mem0: one by one, at most --mem0-most). Then, with one scope:
add one (p50 of 200), search of ten results (p50 of 200 questions never asked before), the same with a filter that a
third of the records pass, the same question again (ours: cached), RSS and disk per record.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

WORDS = 20_000
DIMS = 384
QUERIES = 200
MOST_S = 10.0  # per median


def main() -> None:
    """Run every contender in a process of its own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--peers-python", default="")
    parser.add_argument("--mem0-most", type=int, default=1000)
    parser.add_argument("--only", default=",".join(CONTENDERS), help="contenders, comma separated")
    parser.add_argument("--run", nargs=2, metavar=("CONTENDER", "SIZE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        contend(CONTENDERS[arguments.run[0]], int(arguments.run[1]))
        return
    heads = ("n", "add ms", "batch µs/n", "search ms", "filter ms", "again µs", "RSS B/n", "disk B/n")
    print(f"{'':16}" + "".join(f"{head:>12}" for head in heads))
    for size in map(int, arguments.sizes.split(",")):
        for name in CONTENDERS:
            python = sys.executable if name == "ratchet" else arguments.peers_python
            if python and name in arguments.only.split(",") and not (name == "mem0ai" and size > arguments.mem0_most):
                print(measured(python, name, size))


def measured(python: str, name: str, size: int) -> str:
    """Return the line of a contender, run in a process of its own."""
    command = [python, __file__, "--run", name, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()
    return line(name, size, json.loads(last[-1])) if last else f"{name:16}{size:12} failed: {done.stderr[-200:]}"


def line(name: str, size: int, found: dict[str, float]) -> str:
    """Return a row of the table."""
    names = ("add_ms", "batch_us", "search_ms", "filter_ms", "again_us", "rss", "disk")
    return f"{name:16}{size:12}" + "".join(f"{found[one]:12.{3 if one.endswith('ms') else 0}f}" for one in names)


def texts(count: int, seed: int) -> list[str]:
    """Return texts of thirty words, some common and most rare."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefghijklmnoprstuvw", k=rng.randint(4, 10))) for _ in range(WORDS)]
    rng = random.Random(f"{seed}:texts")
    return [" ".join(words[int(WORDS ** rng.random()) - 1] for _ in range(30)) for _ in range(count)]


def vector(text: str) -> list[float]:
    """Return a hashed vector of length 1."""
    values = [0.0] * DIMS
    for word in re.findall(r"\w+", text):
        number = zlib.crc32(word.encode())
        values[number % DIMS] += 1.0 if number & 0x80000000 else -1.0
    length = sum(value * value for value in values) ** 0.5 or 1.0
    return [value / length for value in values]


def contend(make: Callable[[Path], Any], size: int) -> None:
    """Measure one contender and print JSON."""
    folder = Path(tempfile.mkdtemp())
    try:
        corpus, more = texts(size, 1), texts(QUERIES, 1)[::-1]
        questions = [" ".join(text.split()[:8]) for text in texts(size + QUERIES, 1)[-QUERIES:]]
        empty_rss = rss()
        store = make(folder)
        started = time.perf_counter()
        for at in range(0, size, 500):
            store.add([(f"d{n}", corpus[n], n % 3) for n in range(at, min(at + 500, size))])
        batch_us = (time.perf_counter() - started) / size * 1e6
        store.search(questions[0], None)
        found = {
            "batch_us": batch_us,
            "search_ms": p50(lambda n: store.search(questions[n], None), QUERIES) * 1e3,
            "filter_ms": p50(lambda n: store.search(questions[n] + " too", 1), QUERIES) * 1e3,
            "again_us": p50(lambda n: store.search(questions[0], None), QUERIES) * 1e6,
            "rss": (rss() - empty_rss) / size,
            "disk": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / size,
            "add_ms": p50(lambda n: store.add([(f"more{n}", more[n], 0)]), QUERIES) * 1e3,
        }
        print(json.dumps(found))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def p50(call: Callable[[int], object], times: int) -> float:
    """Return the median time of a call in seconds; slow ones are called fewer times, at least five."""
    took: list[float] = []
    for number in range(times):
        started = time.perf_counter()
        call(number)
        took.append(time.perf_counter() - started)
        if sum(took) > MOST_S and len(took) >= 5:
            break
    return statistics.median(took)


def rss() -> float:
    """Return this process's resident memory in bytes: now on Linux, at most on macOS."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * float(os.sysconf("SC_PAGE_SIZE"))
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


class Ratchet:
    """Our memory with its default engines."""

    def __init__(self, folder: Path) -> None:
        from memory.recall import Recall
        from memory.record import Draft, Scope
        from memory.records import Records
        from storage.engine import open_home

        home = open_home(folder)
        self._records, self._recall = Records(home), Recall(home)
        self._draft, self._scope = Draft, Scope(user="u")

    def add(self, items: Sequence[tuple[str, str, int]]) -> None:
        """Store texts with their ids and parts."""
        self._records.add(
            [self._draft(text=t, cause=i, scope=self._scope, attributes={"part": p}) for i, t, p in items]
        )

    def search(self, question: str, part: int | None) -> None:
        """Ask once, of one part or of all."""
        from memory.recall import Search

        self._recall.search(Search(text=question, scope=self._scope, filters={} if part is None else {"part": part}))


class Chroma:
    """chromadb's persistent client with vectors of our own."""

    def __init__(self, folder: Path) -> None:
        import chromadb

        self._collection = chromadb.PersistentClient(str(folder)).create_collection("benchmark")

    def add(self, items: Sequence[tuple[str, str, int]]) -> None:
        """Store texts with their ids and parts."""
        ids, documents, parts = zip(*items, strict=True)
        self._collection.add(
            ids=list(ids), documents=list(documents), embeddings=[np.array(vector(text)) for text in documents],
            metadatas=[{"part": part} for part in parts],
        )  # fmt: skip

    def search(self, question: str, part: int | None) -> None:
        """Ask once, of one part or of all."""
        if part is None:
            self._collection.query(query_embeddings=[np.array(vector(question))], n_results=10)
        else:
            self._collection.query(query_embeddings=[np.array(vector(question))], n_results=10, where={"part": part})


class Mem0:
    """mem0ai with Chroma and infer=False."""

    def __init__(self, folder: Path) -> None:
        os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=str(folder), OPENAI_API_KEY="none")
        import mem0.utils.factory as factory
        from mem0 import Memory
        from mem0.embeddings.mock import MockEmbeddings

        class Hashed(MockEmbeddings):
            def __init__(self) -> None:
                self.config = None

            def embed(self, text: str, memory_action: object = None) -> list[float]:
                return vector(text)

            def embed_batch(self, texts: list[str], memory_action: object = None) -> list[list[float]]:
                return [vector(text) for text in texts]

        factory.EmbedderFactory.create = classmethod(lambda cls, *a, **k: Hashed())
        factory.LlmFactory.create = classmethod(lambda cls, *a, **k: None)
        store = {"provider": "chroma", "config": {"collection_name": "benchmark", "path": str(folder / "chroma")}}
        self._memory = Memory.from_config({"vector_store": store, "history_db_path": str(folder / "history.db")})

    def add(self, items: Sequence[tuple[str, str, int]]) -> None:
        """Store texts with their ids and parts."""
        for _, text, part in items:
            self._memory.add(text, user_id="u", metadata={"part": part}, infer=False)

    def search(self, question: str, part: int | None) -> None:
        """Ask once, of one part or of all."""
        filters = {"user_id": "u"} if part is None else {"user_id": "u", "part": part}
        self._memory.search(question, filters=filters, top_k=10)


class InMemory:
    """LangGraph's InMemoryStore with vectors."""

    def __init__(self, folder: Path) -> None:
        from langgraph.store.memory import InMemoryStore

        self._store = InMemoryStore(
            index={"dims": DIMS, "embed": lambda texts: [vector(one) for one in texts], "fields": ["text"]}
        )

    def add(self, items: Sequence[tuple[str, str, int]]) -> None:
        """Store texts with their ids and parts."""
        for key, text, part in items:
            self._store.put(("u",), key, {"text": text, "part": part})

    def search(self, question: str, part: int | None) -> None:
        """Ask once, of one part or of all."""
        self._store.search(("u",), query=question, filter=None if part is None else {"part": part})


CONTENDERS: dict[str, Callable[[Path], Any]] = {
    "ratchet": Ratchet,
    "chromadb": Chroma,
    "mem0ai": Mem0,
    "InMemoryStore": InMemory,
}

if __name__ == "__main__":
    main()
