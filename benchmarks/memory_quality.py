"""Retrieval quality of the memory, engine by engine.

    python -m benchmarks.memory_quality [--corpus FILE.jsonl ...] [--most 500]

Without files it measures two sets of its own, made anew on every machine from a fixed seed:
- code: functions of Python's standard library; the question is the first paragraph of a docstring, the document the
  function without it. `code, names hidden` calls every function f.
- dialogues: conversations in dated sessions with labelled evidence (benchmarks/dialogues.py). They are generated, so
  they rank engines; they do not predict a figure. --seeds says which: weights were chosen on 0-9.
Each also with one edit in half of the longer words of every question ("typos").

A corpus file has one object per line: {"documents": [{"id", "text", "thread", "attributes"}], "questions": [{"text",
"evidence": [ids]}]}; every line is a scope of its own. `recall@k` is the share of a question's evidence in the first k.
"""

import argparse
import ast
import json
import random
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.dialogues import Conversation
from memory.embedders import HashedEmbedder
from memory.ranking import Weights
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from state.json_values import JsonObject
from storage.engine import open_home

DEPTH = 20
NEAR = (0.4, 0.2)
VARIANTS: dict[str, Weights | None] = {
    "default (by intent)": None,
    "bm25 alone": Weights(fuzzy=False),
    "bm25 + fuzzy": Weights(),
    "bm25 + fuzzy + neighbours": Weights(neighbours=NEAR),
    "bm25 + fuzzy + cosine": Weights(cosine=1.0),
    "bm25 + fuzzy + names": Weights(names=0.5),
    "bm25 + fuzzy + abbreviations": Weights(abbreviations=0.4),
    "all": Weights(cosine=1.0, names=0.5, abbreviations=0.4, neighbours=NEAR),
    "all but fuzzy": Weights(cosine=1.0, names=0.5, abbreviations=0.4, neighbours=NEAR, fuzzy=False),
    "all but cosine": Weights(names=0.5, abbreviations=0.4, neighbours=NEAR),
    "all but names": Weights(cosine=1.0, abbreviations=0.4, neighbours=NEAR),
    "all but abbreviations": Weights(cosine=1.0, names=0.5, neighbours=NEAR),
    "all but neighbours": Weights(cosine=1.0, names=0.5, abbreviations=0.4),
}


@dataclass
class Corpus:
    """Documents of one scope, and questions with the ids of their evidence."""

    name: str
    documents: list[JsonObject]
    questions: list[tuple[str, list[str]]] = field(default_factory=list)


def main() -> None:
    """Print a table per corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, action="append", default=[], metavar="FILE.jsonl")
    parser.add_argument("--most", type=int, default=500, help="questions per set")
    parser.add_argument("--seeds", default="100-119", metavar="FIRST-LAST", help="of the generated dialogues")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    talks = [(seed, Conversation(seed)) for seed in range(int(first), int(last) + 1)]
    groups = {path.name: list(read(path)) for path in arguments.corpus} or {
        "code": [code(hide_names=False)],
        "code, names hidden": [code(hide_names=True)],
        "dialogues": [Corpus(f"dialogue {n}", one.turns, one.questions) for n, one in talks],
    }
    for name, corpora in groups.items():
        show(name, corpora, arguments.most)
        show(f"{name}, typos", [misspelt(corpus) for corpus in corpora], arguments.most)


def show(name: str, corpora: Sequence[Corpus], most: int) -> None:
    """Measure every variant on a group of corpora and print its rows."""
    rng = random.Random(0)
    asked = [(number, *one) for number, corpus in enumerate(corpora) for one in corpus.questions]
    asked = sorted(rng.sample(asked, min(most, len(asked))))
    print(f"\n## {name}: {sum(len(c.documents) for c in corpora)} documents, {len(asked)} questions")
    print(f"{'':34}  r@1   r@5   r@10  r@20  MRR@10  ms")
    with tempfile.TemporaryDirectory() as folder:
        home = open_home(Path(folder))
        records, recall = Records(home), Recall(home)
        for number, corpus in enumerate(corpora):
            records.add([draft(one, number) for one in corpus.documents])
        for number in range(len(corpora)):
            recall.index(Scope(project=str(number)))  # built before the clock starts
        for label, weights in VARIANTS.items():
            found, started = [], time.process_time()
            for number, text, evidence in asked:
                search = Search(text=text, scope=Scope(project=str(number)), limit=DEPTH, weights=weights)
                found.append(([hit.record.cause for hit in recall.search(search)], evidence))
            row(label, found, (time.process_time() - started) / len(asked))
        recall.close()
        home.close()
    row("hashed vectors (384) alone", hashed(corpora, asked), float("nan"))


def draft(document: JsonObject, number: int) -> Draft:
    """Return a document as a memory."""
    return Draft(
        text=document["text"], cause=document["id"], scope=Scope(project=str(number)),
        thread=document.get("thread", ""), attributes=document.get("attributes", {}),
    )  # fmt: skip


def hashed(corpora: Sequence[Corpus], asked: Sequence[tuple[int, str, list[str]]]) -> list[tuple[list[str], list[str]]]:
    """Rank by dense hashed vectors alone: what a plain vector store with an offline embedder does."""
    embedder = HashedEmbedder()
    matrices = [embedder.embed([one["text"] for one in corpus.documents]) for corpus in corpora]
    found = []
    for number, text, evidence in asked:
        order = np.argsort(-(matrices[number] @ embedder.embed([text])[0]), kind="stable")[:DEPTH]
        found.append(([corpora[number].documents[row]["id"] for row in order], evidence))
    return found


def row(label: str, found: Sequence[tuple[list[str], list[str]]], seconds: float) -> None:
    """Print one line of a table."""
    recalls = [np.mean([len(set(ids[:k]) & set(gold)) / len(gold) for ids, gold in found]) for k in (1, 5, 10, 20)]
    ranks = [next((1 / (n + 1) for n, one in enumerate(ids[:10]) if one in gold), 0.0) for ids, gold in found]
    print(f"{label:34} {' '.join(f'{value:5.3f}' for value in recalls)}  {np.mean(ranks):5.3f} {seconds * 1e3:6.2f}")


def read(path: Path) -> Iterator[Corpus]:
    """Read corpora from a file."""
    for number, line in enumerate(path.read_text().splitlines()):
        item = json.loads(line)
        questions = [(one["text"], one["evidence"]) for one in item["questions"] if one["evidence"]]
        yield Corpus(f"{path.name}:{number}", item["documents"], questions)


def misspelt(corpus: Corpus) -> Corpus:
    """Return the corpus with one edit in half of the words of four letters and more of every question."""
    rng = random.Random(7)

    def edited(word: str) -> str:
        if len(word) < 4 or not word.isalpha() or rng.random() < 0.5:
            return word
        at, letter = rng.randrange(1, len(word) - 1), rng.choice("abcdefghijklmnopqrstuvwxyz")
        swapped = word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
        return rng.choice(
            [swapped, word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :]]
        )

    questions = [(" ".join(map(edited, text.split())), gold) for text, gold in corpus.questions]
    return Corpus(corpus.name, corpus.documents, questions)


def code(*, hide_names: bool) -> Corpus:
    """Return functions of the standard library with their docstrings as questions."""
    corpus, seen = Corpus("code", []), set()
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if {"test", "tests", "site-packages", "idlelib", "lib2to3"} & set(path.parts):
            continue
        for name, question, text in functions(path):
            text = text.replace(name, "f") if hide_names else text
            if text not in seen:
                seen.add(text)
                corpus.documents.append({"id": str(len(seen)), "text": text})
                corpus.questions.append((question, [str(len(seen))]))
    return corpus


def functions(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (name, first paragraph of the docstring, code without it) of the functions of a file."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_text())
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
        if isinstance(node, ast.FunctionDef) and text and len(node.body) >= 3:
            question = " ".join(text.split("\n\n")[0].split())
            node.body, node.decorator_list, node.returns = node.body[1:], [], None
            if len(question.split()) >= 6:
                yield node.name, question, ast.unparse(node)


if __name__ == "__main__":
    main()
