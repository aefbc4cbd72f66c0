"""The process that Chroma lives in: commands come as lines of JSON, answers go as lines of JSON.

A corrupt segment crashes whoever has it open; here that is this process and nobody else. Chroma gets ids and vectors,
never texts.
"""

import base64
import contextlib
import json
import os
import sys
from typing import Any, TextIO

import numpy as np


def main() -> None:
    """Serve the folder that is named on the command line until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print is no answer
        import chromadb
        from chromadb.config import Settings

        client = chromadb.PersistentClient(sys.argv[1], settings=Settings(anonymized_telemetry=False))
        serve(client, sys.stdin, answers)


def serve(client: Any, commands: TextIO, answers: TextIO) -> None:
    """Answer every command; the first that fails ends the process with its traceback."""
    for line in commands:
        command = json.loads(line)
        collection = client.get_or_create_collection(
            command["collection"], metadata={"seq": 0}, configuration={"hnsw": {"space": "ip"}}, embedding_function=None
        )
        answers.write(json.dumps(_COMMANDS[command["do"]](collection, command)) + "\n")
        answers.flush()


def _seq(collection: Any, command: dict[str, Any]) -> int:
    return int(collection.metadata["seq"])


def _apply(collection: Any, command: dict[str, Any]) -> int:
    """Take a stretch of the log: upserts, deletes, and only then how far that is."""
    if command["ids"]:
        rows = np.frombuffer(base64.b64decode(command["vectors"]), "<f4").reshape(len(command["ids"]), -1)
        collection.upsert(ids=command["ids"], embeddings=rows)
    if command["deleted"]:
        collection.delete(ids=command["deleted"])
    collection.modify(metadata={"seq": command["seq"]})
    return int(command["seq"])


def _nearest(collection: Any, command: dict[str, Any]) -> list[str]:
    vector = np.frombuffer(base64.b64decode(command["vector"]), "<f4")
    found = collection.query(query_embeddings=[vector], n_results=command["limit"], include=[])
    return [str(one) for one in found["ids"][0]]


_COMMANDS = {"seq": _seq, "apply": _apply, "nearest": _nearest}

if __name__ == "__main__":
    main()
