"""Look for planted words in every byte that encrypted homes left on disk, on SQLite and on PostgreSQL.

    python -m benchmarks.encryption

A model on loopback plants a word in every answer: in programs, reviews, rewritten prompts and proposed tasks. Others
are planted in tasks, a hidden test, a prompt set and a memory. Then `run` with a reviewer, `optimise`, `propose` and
`memory add` work on a home; the server is stopped after a CHECKPOINT, and all of its data directory is read, its
write-ahead log included, and the folder of the home. The same on a plain home says how many words get there at all.
"""

import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psycopg

from benchmarks.loopback_model import ADDEND, LoopbackModel, add_tasks
from benchmarks.postgres import Server, create_database
from state.json_values import JsonObject
from storage.keys import KEY_VARIABLE, new_key

PLACES = (
    "task", "taskid", "hidden", "promptset", "memory", "scope", "program", "output", "critique", "finding", "rewrite",
    "proposed", "reference",
)  # fmt: skip
WORDS = {place: f"canaryof{place}" for place in PLACES}


class PlantingModel(LoopbackModel):
    """Answers as whoever is asked: the programmer, the reviewer, the one who rewrites prompts or proposes tasks."""

    def answer(self, prompt: str) -> JsonObject:
        """Return a chat completion that holds planted words."""
        made = super().answer(prompt)
        made["choices"][0]["message"]["content"] = self._said(prompt, made["choices"][0]["message"]["content"])
        return made

    def _said(self, prompt: str, program: str) -> str:
        if "<component>" in prompt:
            return f"<component>\nWrite Python. {WORDS['rewrite']} {len(self.requests)}\n</component>"
        if "## Program" in prompt:
            finding = {"line": 1, "rule": "style", "detail": WORDS["finding"]}
            review = {"score": 0.5, "critique": WORDS["critique"], "findings": [finding]}
            return f"```json\n{json.dumps(review)}\n```"
        if ADDEND.search(prompt) is None:
            return f"```json\n{json.dumps(self._proposal())}\n```"
        body = f'    """{WORDS["program"]}"""\n    print("{WORDS["output"]}")\n    return'
        return program.replace("    return", body)

    def _proposal(self) -> JsonObject:
        name = f"times_{len(self.requests)}"
        reference = f"def {name}(x: int) -> int:\n    # {WORDS['reference']}\n    return x * {len(self.requests)} + 1\n"
        prompt = f'def {name}(x: int) -> int:\n    """Return {WORDS["proposed"]} {len(self.requests)} of x."""\n'
        inputs = [f"({n},)" for n in range(-3, 9)]
        return {"prompt": prompt, "entry_point": name, "reference": reference, "inputs": inputs}


def write_tasks(folder: Path) -> Path:
    """Write tasks and a prompt set with planted words."""
    lines = []
    for number, task in enumerate(add_tasks(12)):
        prompt = task["prompt"].replace('."""', f', {WORDS["task"]}."""')
        hidden = [{"args": [WORDS["hidden"]], "expected": number}] if number % 3 == 1 else []
        split = ("train", "train", "validation", "test")[number % 4]
        name = f"{WORDS['taskid']}/{number}"
        lines.append({**task, "task_id": name, "prompt": prompt, "tests": task["tests"] + hidden, "split": split})
    (folder / "tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "prompts").mkdir()
    (folder / "prompts" / "system.md").write_text(f"You write Python. {WORDS['promptset']}")
    return folder / "tasks.jsonl"


def work(folder: Path, base_url: str, environment: Mapping[str, str]) -> None:
    """Do on a home what users do; what the commands print is dropped."""
    reviewer = {"review": {"model": "openai:reviewer", "base_url": base_url}}
    given = {**os.environ, **environment, "RATCHET_ROLES": json.dumps(reviewer), "OPENAI_API_KEY": "none"}
    model = ["--model", "openai:adder", "--base-url", base_url]
    tasks, home = str(write_tasks(folder)), ["--home", str(folder / "home")]
    commands = [
        ["run", tasks, *model, "--prompts", str(folder / "prompts"), "--batch-size", "3", "--tend-every", "3"],
        ["optimise", tasks, *model, "--iterations", "3"],
        ["propose", *model, "--count", "1", "--most", "4", "--tries", "0"],
        ["memory", "add", f"Ann likes {WORDS['memory']} best", "--user", WORDS["scope"]],
    ]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *command, *home], env=given, capture_output=True, text=True, check=False
        )
        if done.returncode > 1:
            sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")


def words_in(*folders: Path) -> tuple[set[str], int]:
    """Return which words are in the files of folders, also in bytes that are only compressed, and how many bytes."""
    found: set[str] = set()
    size = 0
    for file in (file for folder in folders for file in folder.rglob("*") if file.is_file()):
        stored = file.read_bytes()
        size += len(stored)
        stored += b"".join(_unpacked(stored))
        found |= {place for place, word in WORDS.items() if word.encode() in stored}
    return found, size


def _unpacked(stored: bytes) -> list[bytes]:
    """Return everything in some bytes that zlib can open."""
    found, start = [], stored.find(b"\x78\x9c")
    while start >= 0:
        with suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(stored[start : start + 100_000]))
        start = stored.find(b"\x78\x9c", start + 1)
    return found


def on_sqlite(base_url: str, environment: Mapping[str, str]) -> tuple[set[str], int]:
    """Work on a home in a folder; return what `words_in` finds there."""
    with tempfile.TemporaryDirectory() as folder:
        work(Path(folder), base_url, environment)
        return words_in(Path(folder) / "home")


def on_postgres(base_url: str, environment: Mapping[str, str]) -> tuple[set[str], int]:
    """Work on a home in a database; return what `words_in` finds in the server's directory and the home's folder."""
    server = Server("-c", "wal_level=logical", "-c", "full_page_writes=on")
    try:
        with tempfile.TemporaryDirectory() as folder:
            url = create_database(server.url, "ratchet")
            work(Path(folder), base_url, {**environment, "RATCHET_DATABASE_URL": url})
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
            server.stop(keep=True)
            return words_in(server.folder / "data", Path(folder) / "home")
    finally:
        server.stop()


def main() -> None:
    """Print what was found; exit 1 when a word is in an encrypted home, or in none."""
    bad = False
    with PlantingModel().serving() as model:
        for database, look in (("SQLite", on_sqlite), ("PostgreSQL", on_postgres)):
            for kind, environment in (("plain", {}), ("encrypted", {KEY_VARIABLE: new_key()})):
                found, size = look(model.base_url, environment)
                said = ", ".join(sorted(found)) or "none"
                print(f"{database:10} {kind:9} {len(found):2} of {len(WORDS)} words in {size / 1e6:.1f} MB: {said}")
                bad |= bool(found) if kind == "encrypted" else len(found) < len(WORDS) - 1
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
