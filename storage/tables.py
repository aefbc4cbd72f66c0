"""Tables of the relational home. Capabilities import them and build their own queries.

Columns that may hold somebody's words are sealed or blinded (storage/sealing.py): docs/encryption.md lists the others.
"""

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from storage.sealing import Blinded, SealedBytes, SealedText

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
    Column("digest", Blinded("digest"), primary_key=True),  # of the uncompressed text
    Column("body", SealedBytes("contents.body"), nullable=False),  # zlib
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("settings", SealedText("runs.settings"), nullable=False),  # JSON
    Column("status", String(16), nullable=False),  # running, stopped, done
    Column("started_at", Float, nullable=False),  # seconds since the epoch
    Column("ended_at", Float),
    Column("active_s", Float, nullable=False),  # seconds that processes worked on it, pauses left out
)

# The ledger: one row for every finished episode. Everything but the *_s columns and cost is a function of the key.
episodes = Table(
    "episodes",
    metadata,
    Column("episode_id", String(64), primary_key=True),  # digest of the key columns
    Column("prompt_set", String(64), nullable=False),
    Column("memory_snapshot", String(64), nullable=False),
    Column("split", String(16), nullable=False),
    Column("task_id", SealedText("episodes.task_id"), nullable=False),
    Column("task", Blinded("digest"), nullable=False),  # the task's digest
    Column("repeat", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("conditions", String(64), nullable=False),  # digest of attempts, limits, seed, rewards, graph version
    Column("solved_first", Integer, nullable=False),  # 0 or 1: the first attempt passed every test
    Column("solved", Integer, nullable=False),  # 0 or 1: the final attempt did
    Column("attempts", Integer, nullable=False),
    Column("reward", Float, nullable=False),  # in [0, 1]
    Column("components", SealedText("episodes.components"), nullable=False),  # JSON: name -> value in [0, 1]
    Column("outcome", SealedText("episodes.outcome"), nullable=False),  # JSON: status, counts, addresses
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
    Column("reused", Integer, nullable=False),  # 1: the row was there already, this run paid nothing for it
)

failures = Table(
    "failures",
    metadata,
    Column("episode_id", String(64), primary_key=True),
    Column("run_id", String(64), primary_key=True),
    Column("task_id", SealedText("failures.task_id"), nullable=False),
    Column("spec", SealedText("failures.spec"), nullable=False),  # JSON: what to run again
    Column("phase", String(32), nullable=False),
    Column("position", Integer, nullable=False),
    Column("reason", SealedText("failures.reason"), nullable=False),
    Column("count", Integer, nullable=False),
    Column("passing", Integer, nullable=False, server_default="1"),  # 1: worth another try later
    Column("failed_at", Float, nullable=False),
)

# What the model calls of a run came to, added up as they happen; retries are measures of their own.
model_use = Table(
    "model_use",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("role", String(16), primary_key=True),  # generate, reflect, review, propose
    Column("model", String(200), primary_key=True),
    Column("measure", String(64), primary_key=True),  # calls, prompt_tokens, cost_usd, "retry: 429", …
    Column("amount", Float, nullable=False),
)

# Model calls of a run with a cap on money that are under way, whichever process makes them.
calls_under_way = Table(
    "calls_under_way",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("model", String(200), nullable=False),
    Column("holder", String(64), nullable=False),  # the process: what one that died held is given back
)
Index("calls_under_way_by_run", calls_under_way.c.run_id)

# Answers of models by what was asked, where the user wants them kept.
cached_answers = Table(
    "cached_answers",
    metadata,
    Column("question", Blinded("digest"), primary_key=True),  # digest of model, messages and sample
    Column("answer", SealedText("cached_answers.answer"), nullable=False),  # JSON
)

# Traces that were sent to LangSmith, or should have been.
traces = Table(
    "traces",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("episode_id", String(64), primary_key=True),
    Column("delivered", Integer, nullable=False),  # 0: it is kept here alone
)

# Branches of episodes: their results stay in their own threads, out of the ledger.
forks = Table(
    "forks",
    metadata,
    Column("fork_id", String(64), primary_key=True),  # digest of parent, checkpoint and changes; its thread's id
    Column("parent", String(64), nullable=False),  # thread that it branched from
    Column("checkpoint_id", String(64), nullable=False),
    Column("node", String(64), nullable=False),  # the first that ran again
    Column("changes", SealedText("forks.changes"), nullable=False),  # JSON: what changed, addresses in place of texts
    Column("teaches", Integer, nullable=False),  # 0 or 1: what it learned was remembered
    Column("created_at", Float, nullable=False),
)
Index("forks_by_parent", forks.c.parent)

# Threads that wait for a person's answer before a node.
questions = Table(
    "questions",
    metadata,
    Column("thread_id", String(64), primary_key=True),
    Column("before", String(64), nullable=False),  # the node that waits
    Column("run_id", String(64), nullable=False),
    Column("task_id", SealedText("questions.task_id"), nullable=False),
    Column("phase", String(32), nullable=False),  # where in the run its episode belongs
    Column("position", Integer, nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("answer", SealedText("questions.answer"), nullable=False),  # JSON: answer and edits; "" until there is one
    Column("answered_at", Float),
)

# The memory. `memories` and what hangs on it are the truth; every search index is derived from them.
memories = Table(
    "memories",
    metadata,
    Column("memory_id", Blinded("memory"), primary_key=True),  # digest of scope, kind and cause
    Column("seq", Integer, nullable=False),  # of the log entry that added it
    Column("changed_seq", Integer, nullable=False),  # of the last log entry about it: indexes follow this
    Column("kind", String(16), nullable=False),  # episodic, semantic, procedural
    Column("cause", SealedText("memories.cause"), nullable=False),
    Column("text", SealedText("memories.text"), nullable=False),
    Column("code", SealedText("memories.code"), nullable=False),
    Column("entry_point", SealedText("memories.entry_point"), nullable=False),
    Column("signature", SealedText("memories.signature"), nullable=False),
    Column("importance", Float, nullable=False),
    Column("attributes", SealedText("memories.attributes"), nullable=False),  # JSON object: what filters see
    Column("user_scope", Blinded("scope", 256), nullable=False),  # "" where a scope is not used
    Column("project_scope", Blinded("scope", 256), nullable=False),
    Column("agent_scope", Blinded("scope", 256), nullable=False),
    Column("run_scope", Blinded("scope", 256), nullable=False),
    Column("thread", SealedText("memories.thread"), nullable=False),  # records of one thread, in order, are neighbours
    Column("run_id", String(64), nullable=False),  # the learning run, batch and episode that wrote it first
    Column("batch", Integer, nullable=False),
    Column("episode_id", String(64), nullable=False),
    Column("digest", Blinded("digest"), nullable=False),  # of text and code
    Column("fingerprint", Blinded("digest"), nullable=False),  # the same for texts that say the same
    Column("version", Integer, nullable=False),  # from 1
    Column("slot", Blinded("digest"), nullable=False),  # digest of what the text gives a value; "" if none
    Column("state", String(16), nullable=False),  # active, consolidated, decayed, archived
    Column("hidden_seq", Integer, nullable=False),  # the change that took it out of default searches; 0 while in them
    Column("hidden_run", String(64), nullable=False),
    Column("hidden_batch", Integer, nullable=False),
    Column("superseded_by", Blinded("memory"), nullable=False),
    Column("valid_from", Float, nullable=False),  # seconds since the epoch
    Column("valid_to", Float),  # None while valid
    Column("expires_at", Float),
    Column("sightings", Integer, nullable=False),  # how often it was said: duplicates merge
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)
Index("memories_by_change", memories.c.changed_seq)
Index("memories_by_fingerprint", memories.c.fingerprint)
_HAS_SLOT = memories.c.slot != ""
Index("memories_by_slot", memories.c.slot, sqlite_where=_HAS_SLOT, postgresql_where=_HAS_SLOT)

# The audit trail and the log that indexes follow: append-only, chained, digests instead of texts.
memory_log = Table(
    "memory_log",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # without gaps, from 1
    Column("memory_id", Blinded("memory"), nullable=False),
    Column("event", String(16), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("cause", SealedText("memory_log.cause"), nullable=False),
    Column("before", SealedText("memory_log.before"), nullable=False),  # digest of text and code, "" for none
    Column("after", SealedText("memory_log.after"), nullable=False),
    Column("detail", SealedText("memory_log.detail"), nullable=False),  # JSON object of states, ids and numbers
    Column("at", Float, nullable=False),
    Column("chain", SealedText("memory_log.chain"), nullable=False),  # digest of the entry before and of this one
)
Index("memory_log_by_memory", memory_log.c.memory_id)

# Texts that an update replaced; purged with the memory.
memory_versions = Table(
    "memory_versions",
    metadata,
    Column("memory_id", Blinded("memory"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("text", SealedText("memory_versions.text"), nullable=False),
    Column("code", SealedText("memory_versions.code"), nullable=False),
    Column("attributes", SealedText("memory_versions.attributes"), nullable=False),
    Column("replaced_at", Float, nullable=False),
)

# Further learning runs that brought the same memory about.
memory_origins = Table(
    "memory_origins",
    metadata,
    Column("memory_id", Blinded("memory"), primary_key=True),
    Column("run_id", String(64), primary_key=True),
    Column("batch", Integer, nullable=False),
)

memory_vectors = Table(
    "memory_vectors",
    metadata,
    Column("memory_id", Blinded("memory"), primary_key=True),
    Column("embedder", String(64), primary_key=True),
    Column("digest", Blinded("digest"), nullable=False),  # of what was embedded
    Column("vector", SealedBytes("memory_vectors.vector"), nullable=False),  # float32, little endian
)

# Texts that were embedded before, by content.
embedding_cache = Table(
    "embedding_cache",
    metadata,
    Column("embedder", String(64), primary_key=True),
    Column("digest", Blinded("digest"), primary_key=True),
    Column("vector", SealedBytes("embedding_cache.vector"), nullable=False),
)

# Further learning runs for which a memory is out of default searches: `hidden_*` above has room for the first.
memory_hidings = Table(
    "memory_hidings",
    metadata,
    Column("memory_id", Blinded("memory"), primary_key=True),
    Column("run_id", String(64), primary_key=True),
    Column("batch", Integer, nullable=False),
)

# Which episode was shown which memory, and what reward it ended with.
memory_uses = Table(
    "memory_uses",
    metadata,
    Column("memory_id", Blinded("memory"), primary_key=True),
    Column("cause", String(64), primary_key=True),
    Column("reward", Float),  # in [0, 1]; None where only the use is known
    Column("baseline", Float),  # what such an episode gets without this memory
    Column("at", Float, nullable=False),
    Column("seq", Integer, nullable=False, server_default="0"),  # runs whose watermark is as high know of it
    Column("run_id", String(64), nullable=False, server_default=""),  # and later batches of this run
    Column("batch", Integer, nullable=False, server_default="0"),
)

# Which memories are alike: what each round of care changed, so that a repeated one, and a fork's, ends the same.
memory_groups = Table(
    "memory_groups",
    metadata,
    Column("run_id", String(64), primary_key=True),  # "" outside of a run
    Column("batch", Integer, primary_key=True),
    Column("memory_id", Blinded("memory"), primary_key=True),
    Column("group_id", Blinded("memory"), nullable=False),  # the id of the memory it formed around
)

# What the memory care of a learning run did.
care_rounds = Table(
    "care_rounds",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("batch", Integer, primary_key=True),  # train batches before it
    Column("counts", Text, nullable=False),  # JSON: name -> number
)

memory_links = Table(
    "memory_links",
    metadata,
    Column("source", Blinded("memory"), primary_key=True),
    Column("relation", String(16), primary_key=True),  # summarises, supersedes
    Column("target", Blinded("memory"), primary_key=True),
)

prompt_sets = Table(
    "prompt_sets",
    metadata,
    Column("prompt_set", String(64), primary_key=True),  # digest of its components
    Column("components", SealedText("prompt_sets.components"), nullable=False),  # JSON: name -> template
    Column("parents", SealedText("prompt_sets.parents"), nullable=False),  # JSON list of prompt set ids
    Column("author", SealedText("prompt_sets.author"), nullable=False),
    Column("created_at", Float, nullable=False),
    Column(
        "evidence", SealedText("prompt_sets.evidence"), nullable=False, server_default=""
    ),  # JSON: figures that it won by
)

# Which prompt set new runs use: the latest choice that was not withdrawn; without one, the shipped set.
prompt_choices = Table(
    "prompt_choices",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("prompt_set", String(64), nullable=False),
    Column("author", Blinded("author", 256), nullable=False),
    Column("chosen_at", Float, nullable=False),
    Column("withdrawn_at", Float),  # None while it counts
)

# What finished series of proposed tasks came to.
proposal_series = Table(
    "proposal_series",
    metadata,
    Column("series", String(64), primary_key=True),
    Column("progress", SealedText("proposal_series.progress"), nullable=False),  # JSON: counts, refusals by reason
    Column("admitted", Blinded("digest"), nullable=False),  # address of a JSON list of line addresses; "" for none
)

# What happened in a prompt optimisation: its beginning, one record per iteration, its end.
optimisation_steps = Table(
    "optimisation_steps",
    metadata,
    Column("optimisation", String(64), primary_key=True),
    Column("iteration", Integer, primary_key=True),  # 0: the beginning
    Column("kind", String(16), primary_key=True),  # begin, iteration, end
    Column("record", SealedText("optimisation_steps.record"), nullable=False),  # JSON
)

# What proposers said, so that a proposal which was paid for is read and not asked for again.
proposals = Table(
    "proposals",
    metadata,
    Column("optimisation", String(64), primary_key=True),
    Column("iteration", Integer, primary_key=True),
    Column("proposer", String(128), primary_key=True),
    Column("components", SealedText("proposals.components"), nullable=False),  # JSON: changed ones, and "merge"
    Column("why", SealedText("proposals.why"), nullable=False),  # what it says about itself, or what went wrong
    Column("failed", Integer, nullable=False),  # 1: it raised, hung or said nothing usable
    Column("calls", Integer, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost_usd", Float),  # None where the price is unknown
    Column("seconds", Float, nullable=False),
)
