"""The home's schema version: made new, brought up to date, or refused."""

from collections.abc import Callable

from sqlalchemy import Connection, inspect, select

from state.errors import SetupError
from storage.keys import begin_encryption, opened_seal
from storage.sealing import use_seal
from storage.tables import (
    cached_answers,
    home_meta,
    memory_groups,
    metadata,
    model_use,
    optimisation_steps,
    prompt_choices,
    proposals,
    traces,
)


def _optimisations(connection: Connection) -> None:
    """Give prompt sets their evidence; make the tables of choices, optimisations and proposals."""
    connection.exec_driver_sql("ALTER TABLE prompt_sets ADD COLUMN evidence TEXT NOT NULL DEFAULT '{}'")
    metadata.create_all(connection, [prompt_choices, optimisation_steps, proposals])


def _model_use(connection: Connection) -> None:
    """Tell failures that may pass from others; make the tables of model use, kept answers and traces."""
    connection.exec_driver_sql("ALTER TABLE failures ADD COLUMN passing INTEGER NOT NULL DEFAULT 1")
    metadata.create_all(connection, [model_use, cached_answers, traces])


def _memory_care(connection: Connection) -> None:
    """Give uses of memories, and groups, a place in a learning run; groups are derived and are made anew."""
    known = {column["name"] for column in inspect(connection).get_columns("memory_uses")}
    new = {
        "seq": "INTEGER NOT NULL DEFAULT 0",
        "run_id": "VARCHAR(64) NOT NULL DEFAULT ''",
        "batch": "INTEGER NOT NULL DEFAULT 0",
    }
    for name in sorted(new.keys() - known):
        connection.exec_driver_sql(f"ALTER TABLE memory_uses ADD COLUMN {name} {new[name]}")
    memory_groups.drop(connection)
    metadata.create_all(connection)


# One step per version after the first: MIGRATIONS[n] brings version n + 1 to n + 2.
# A step that only adds tables makes those that are missing.
MIGRATIONS: list[Callable[[Connection], None]] = [
    _optimisations,
    _model_use,
    metadata.create_all,  # forks, questions
    _memory_care,
    lambda _connection: None,  # homes may be encrypted: versions before this one would write plain texts into them
    metadata.create_all,  # calls under way
    metadata.create_all,  # ends of series
]
SCHEMA_VERSION = 1 + len(MIGRATIONS)


def migrate(connection: Connection, name: str, *, upgrade: bool = True, key: bytes | None = None) -> int:
    """Make the tables, or bring them to this version's schema; the caller's transaction makes it all or nothing.

    name: what to call the home. upgrade: whether older tables may be changed. key: the user's; a new home is encrypted
    where there is one. Returns the version that was found, 0 for a new home.
    Raises SetupError for a home of a newer version, for an older one that may not be changed, and where the key does
    not fit the home.
    """
    if not inspect(connection).has_table("home_meta"):
        metadata.create_all(connection)
        connection.execute(home_meta.insert().values(key="schema_version", value=str(SCHEMA_VERSION)))
        if key is not None:
            use_seal(connection.dialect, begin_encryption(connection, key))
        return 0
    found = int(connection.execute(select(home_meta.c.value).where(home_meta.c.key == "schema_version")).scalar_one())
    if found > SCHEMA_VERSION:
        raise SetupError(
            f"the home {name} was made by a newer version (schema {found}; this one knows {SCHEMA_VERSION}). "
            "Update ratchet, or choose another folder with --home"
        )
    seal = opened_seal(connection, name, key)
    if seal is not None:
        use_seal(connection.dialect, seal)
    if found < SCHEMA_VERSION:
        if not upgrade:
            raise SetupError(
                f"the home {name} was made by an older version (schema {found}; this one needs {SCHEMA_VERSION}). "
                "Stop what works on it, then bring it up to date with `ratchet db upgrade`"
            )
        for step in MIGRATIONS[found - 1 :]:
            step(connection)
        newer = home_meta.update().where(home_meta.c.key == "schema_version").values(value=str(SCHEMA_VERSION))
        connection.execute(newer)
    return found
