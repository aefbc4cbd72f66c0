"""Tables of the relational home. Capabilities import them and build their own queries."""

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

home_meta = Table(
    "home_meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

contents = Table(
    "contents",
    metadata,
    Column("digest", String(64), primary_key=True),  # of the uncompressed text
    Column("body", LargeBinary, nullable=False),  # zlib
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("settings", Text, nullable=False),  # JSON
    Column("status", String(16), nullable=False),  # running, stopped, done
    Column("started_at", Float, nullable=False),  # seconds since the epoch
    Column("ended_at", Float),
    Column("summary", Text, nullable=False),  # JSON; "{}" until the run ends
)

# The ledger: one row for every finished episode. Everything but the *_s columns and cost is a function of the key.
episodes = Table(
    "episodes",
    metadata,
    Column("episode_id", String(64), primary_key=True),  # digest of the key columns
    Column("prompt_set", String(64), nullable=False),
    Column("memory_snapshot", String(64), nullable=False),
    Column("split", String(16), nullable=False),
    Column("task_id", Text, nullable=False),
    Column("task", String(64), nullable=False),  # the task's digest
    Column("repeat", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("conditions", String(64), nullable=False),  # digest of attempts, limits, seed, rewards, graph version
    Column("solved_first", Integer, nullable=False),  # 0 or 1: the first attempt passed every test
    Column("solved", Integer, nullable=False),  # 0 or 1: the final attempt did
    Column("attempts", Integer, nullable=False),
    Column("reward", Float, nullable=False),  # in [0, 1]
    Column("components", Text, nullable=False),  # JSON: name -> value in [0, 1]
    Column("outcome", Text, nullable=False),  # JSON: status, tests passed and total, error, content addresses
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost_usd", Float),  # None where the price is unknown
    Column("model_s", Float, nullable=False),
    Column("sandbox_s", Float, nullable=False),
    Column("wall_s", Float, nullable=False),
    Column("finished_at", Float, nullable=False),
)
Index("episodes_by_task", episodes.c.task)

# Which episodes a run used, in which phase: a ledger row found by two runs is listed by both.
run_episodes = Table(
    "run_episodes",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("phase", String(32), primary_key=True),  # "train:0003" or "held_out:0002"
    Column("episode_id", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
)

failures = Table(
    "failures",
    metadata,
    Column("episode_id", String(64), primary_key=True),
    Column("run_id", String(64), primary_key=True),
    Column("task_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("failed_at", Float, nullable=False),
)

memories = Table(
    "memories",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),  # position in the log
    Column("memory_id", String(64), nullable=False, unique=True),  # digest of kind and cause
    Column("kind", String(16), nullable=False),
    Column("cause", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("entry_point", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("importance", Float, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("batch", Integer, nullable=False),
    Column("episode_id", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
)
Index("memories_by_run", memories.c.run_id, memories.c.batch)

prompt_sets = Table(
    "prompt_sets",
    metadata,
    Column("prompt_set", String(64), primary_key=True),  # digest of its components
    Column("components", Text, nullable=False),  # JSON: name -> template
    Column("parents", Text, nullable=False),  # JSON list of prompt set ids
    Column("author", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)
