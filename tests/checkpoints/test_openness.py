"""A checkpoint opens without our code: every channel is a JSON value."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from langchain_core.language_models import FakeListChatModel

from checkpoints.savers import CHECKPOINT_FILE, close_saver, open_saver
from checkpoints.threads import drive, thread_config
from graphs.episode import episode_graph
from models.roles import models_with
from runtime.context import Context
from state.episode import EpisodeSpec
from state.task import Task
from storage.engine import Home

READER = """
import json, sqlite3, sys
sys.path = [entry for entry in sys.path if entry not in ("", sys.argv[2])]
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
import psycopg
from psycopg.rows import dict_row
place = sys.argv[1]
on_server = place.startswith("postgresql")
connection = psycopg.connect(place, row_factory=dict_row) if on_server else sqlite3.connect(place)
saver = PostgresSaver(connection) if on_server else SqliteSaver(connection)
found = [point.checkpoint["channel_values"] for point in saver.list({"configurable": {"thread_id": sys.argv[3]}})]
from importlib.util import find_spec
assert not [name for name in ("state", "nodes", "graphs", "storage", "checkpoints") if find_spec(name)]
print(json.dumps(found[0]))
"""


def test_a_checkpoint_opens_in_a_process_that_has_none_of_our_packages(
    context: Context, episode_of: Callable[..., EpisodeSpec], task_of: Callable[..., Task], home: Home
) -> None:
    episode = episode_of(task_of())
    answer = "```python\ndef add(a, b):\n    return a + b\n```"
    saver = open_saver(home)
    graph = episode_graph().compile(checkpointer=saver)
    world = replace(context, models=models_with(FakeListChatModel(responses=[answer])))
    end = drive(graph, thread_config(episode["episode_id"], "v"), {"episode": episode}, world)
    close_saver(saver)
    root = str(Path(__file__).parents[2])
    command = [
        sys.executable,
        "-c",
        READER,
        home.url or str(home.folder / CHECKPOINT_FILE),
        root,
        episode["episode_id"],
    ]
    read = subprocess.run(command, capture_output=True, text=True, cwd=home.folder)
    assert read.returncode == 0, read.stderr
    assert json.loads(read.stdout) == end
