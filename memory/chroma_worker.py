"""The process that Chroma, or the client of its server, lives in: lines of JSON come as commands and go as answers.

A corrupt segment crashes whoever has it open; here that is this process and nobody else. Chroma gets ids and vectors,
never texts.
"""

import base64
import contextlib
import itertools
import json
import os
import sys
from typing import Any, TextIO
from urllib.parse import urlsplit

import numpy as np

from state.json_values import JsonObject

_PAGE = 100  # collections per call


def main() -> None:
    """Serve the folder, or the server's URL, that is named on the command line until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print is no answer
        try:
            serve(_client(sys.argv[1]), sys.stdin, answers)
        except Exception as error:
            _say({"failed": f"{type(error).__name__}: {error}"[:300]}, answers)
            raise


def serve(client: Any, commands: TextIO, answers: TextIO) -> None:
    """Answer every command; the first that fails ends the process, with the reason as its last answer.

    A collection is opened by "seq", which comes first. One that somebody deletes after that is not made again.
    """
    opened: JsonObject = {}
    for line in commands:
        command = json.loads(line)
        do, name = command["do"], command["collection"]
        if do == "drop":
            _say(_drop(client, name), answers)
            continue
        if do == "seq":
            opened[name] = client.get_or_create_collection(
                name, metadata={"seq": 0}, configuration={"hnsw": {"space": "ip"}}, embedding_function=None
            )
        _say(_COMMANDS[do](opened[name], command), answers)


def _client(target: str) -> Any:
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    if "://" not in target:
        return chromadb.PersistentClient(target, settings=settings)
    url = urlsplit(target)
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 80)
    return chromadb.HttpClient(host=str(url.hostname), port=port, ssl=secure, settings=settings)


def _say(answer: Any, answers: TextIO) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _drop(client: Any, prefix: str) -> int:
    """Delete every collection whose name begins so; return how many there were."""
    doomed: list[str] = []
    for offset in itertools.count(0, _PAGE):
        page = client.list_collections(limit=_PAGE, offset=offset)
        doomed += [collection.name for collection in page if collection.name.startswith(prefix)]
        if len(page) < _PAGE:
            break
    for name in doomed:
        client.delete_collection(name)
    return len(doomed)


def _seq(collection: Any, command: JsonObject) -> int:
    return int(collection.metadata["seq"])


def _apply(collection: Any, command: JsonObject) -> int:
    """Take a stretch of the log: upserts, deletes, and only then how far that is."""
    if command["ids"]:
        rows = np.frombuffer(base64.b64decode(command["vectors"]), "<f4").reshape(len(command["ids"]), -1)
        collection.upsert(ids=command["ids"], embeddings=rows)
    if command["deleted"]:
        collection.delete(ids=command["deleted"])
    collection.modify(metadata={"seq": command["seq"]})
    return int(command["seq"])


def _nearest(collection: Any, command: JsonObject) -> list[str]:
    vector = np.frombuffer(base64.b64decode(command["vector"]), "<f4")
    found = collection.query(query_embeddings=[vector], n_results=command["limit"], include=[])
    return [str(one) for one in found["ids"][0]]


_COMMANDS = {"seq": _seq, "apply": _apply, "nearest": _nearest}

if __name__ == "__main__":
    main()
