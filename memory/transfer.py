"""Export and import: one JSON object per memory and line, with its earlier versions and links."""

import json
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, select

from memory.log import Change
from memory.record import KINDS, MemoryRefusedError, Scope, content_digest
from memory.records import DEFAULT_ACTOR, Records, scope_conditions
from state.json_values import JsonObject
from storage.contents import canonical
from storage.engine import insert_new
from storage.tables import memories, memory_links, memory_log, memory_versions

FORMAT = "ratchet-memory-1"
_OF_THE_LOG = ("seq", "changed_seq", "hidden_seq")  # positions in a home's log mean nothing in another one


def exported(records: Records, scope: Scope) -> Iterator[str]:
    """Yield a line per memory of a scope, oldest first; Scope() stands for all of them."""
    v, k = memory_versions.c, memory_links.c
    with records.home.reading() as connection:
        query = select(memories).where(*scope_conditions(scope)).order_by(memories.c.seq)
        for row in connection.execute(query).mappings().all():
            found = {name: value for name, value in row.items() if name not in _OF_THE_LOG}
            earlier = connection.execute(select(memory_versions).where(v.memory_id == row["memory_id"])).mappings()
            links = connection.execute(select(memory_links).where(k.source == row["memory_id"])).mappings()
            parts = {"earlier": [dict(one) for one in earlier], "links": [dict(one) for one in links]}
            yield canonical({"format": FORMAT, "memory": {**found, "hidden": row["hidden_seq"] > 0}, **parts})


def imported(records: Records, lines: Iterable[str], *, actor: str = DEFAULT_ACTOR) -> int:
    """Store exported memories in one transaction; return how many were new. Those that are there stay as they are.

    Raises MemoryRefusedError, naming the line, when one is not an exported memory; then nothing is stored.
    """
    parsed = [_parsed(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    new = 0
    with records.changing(actor=actor) as writer:
        known = writer.read([item["memory"]["memory_id"] for item in parsed])
        for item in parsed:
            row = item["memory"]
            if row["memory_id"] in known:
                continue
            change = Change(memory_id=row["memory_id"], event="add", after=row["digest"], cause="import")
            (seq,) = writer.log([change])
            row |= {"seq": seq, "changed_seq": seq, "hidden_seq": seq if row.pop("hidden") else 0}
            new += insert_new(writer.connection, memories, [row])
            insert_new(writer.connection, memory_versions, item["earlier"])
            insert_new(writer.connection, memory_links, item["links"])
    return new


def _last_entries(connection: Connection) -> dict[str, tuple[str, str]]:
    """Return each memory's last event in the audit trail, and the digest that it should have since."""
    log = memory_log.c
    last: dict[str, tuple[str, str]] = {}
    entries = connection.execute(select(log.memory_id, log.event, log.after).order_by(log.seq))
    for memory_id, event, after in entries:
        last[memory_id] = event, after if event in ("add", "update") else last.get(memory_id, ("", after))[1]
    return last


def faults(records: Records) -> list[str]:
    """Check the audit trail and the records against it; return what is wrong, [] when all is well."""
    found = []
    broken = records.first_break()
    if broken is not None:
        found.append(f"the audit trail was changed at entry {broken}")
    c = memories.c
    with records.home.reading() as connection:
        last = _last_entries(connection)
        rows = {row[0]: row[1:] for row in connection.execute(select(c.memory_id, c.digest, c.text, c.code))}
    for memory_id, (digest, text, code) in sorted(rows.items()):
        if memory_id not in last or last[memory_id][0] == "forget":
            found.append(f"memory {memory_id} is not in the audit trail")
        elif not digest == last[memory_id][1] == content_digest(text, code):
            found.append(f"memory {memory_id} does not say what was written down")
    gone = (one for one, (event, _) in sorted(last.items()) if event != "forget" and one not in rows)
    return [*found, *(f"memory {one} is missing" for one in gone)]


def _parsed(number: int, line: str) -> JsonObject:
    try:
        item = json.loads(line)
    except ValueError as error:
        raise MemoryRefusedError(f"line {number}: no JSON: {error}") from error
    if not isinstance(item, dict) or item.get("format") != FORMAT:
        raise MemoryRefusedError(f"line {number}: no exported memory (format {FORMAT})")
    expected = {column.name for column in memories.columns} - set(_OF_THE_LOG) | {"hidden"}
    if set(item["memory"]) != expected or item["memory"]["kind"] not in KINDS:
        wrong = ", ".join(sorted(expected ^ set(item["memory"]))) or "kind"
        raise MemoryRefusedError(f"line {number}: missing, unknown or wrong: {wrong}")
    return dict(item)
