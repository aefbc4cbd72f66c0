"""`ratchet pending` and `ratchet answer`."""

import json
from pathlib import Path

from rich.table import Table

from cli.tables import counted, home_option, stdout_console
from state.errors import SetupError
from workbench.answer import answer, answer_promotion, pending, waiting
from workbench.bench import Workbench
from workbench.edits import parse_edits
from workbench.story import result_in_words


def list_pending(home: Path | None, *, as_json: bool) -> None:
    """Print what waits for an answer."""
    with Workbench(home) as bench:
        found, folder = pending(bench), bench.folder
    if as_json:
        for question in found.questions:
            print(json.dumps(question))
        return
    console = stdout_console()
    if not found.questions:
        console.print(f"nothing waits for an answer in {folder}")
        return
    table = Table("waits", "about", "run", "before", "since", box=None, pad_edge=False)
    for row in found.rows():
        table.add_row(*row)
    console.print(table)
    option = home_option(folder)
    console.print(f"Look: ratchet show NAME{option}. Answer: ratchet answer NAME --approve{option}", soft_wrap=True)


def answer_one(name: str, home: Path | None, *, approve: bool, reject: bool, edits: list[str], as_json: bool) -> None:
    """Answer an episode or an optimisation and print how it ended; raises SetupError without exactly one answer."""
    if approve == reject and not (edits and not approve):
        raise SetupError("say --approve or --reject; --edit key=value approves with a change")
    if reject and edits:
        raise SetupError("--reject and --edit exclude each other: what is rejected is not remembered")
    with Workbench(home) as bench:
        if waiting(bench, name)["before"] == "promote":
            return _answer_promotion(bench, name, approve=not reject, edits=edits, as_json=as_json)
        row = answer(bench, name, approve=not reject, edits=parse_edits(edits))
    if as_json:
        return print(json.dumps(row, ensure_ascii=False))
    remembered = len(row["outcome"]["remembered"])
    result = f"{result_in_words(row)}, reward {row['reward']:.2f}, {counted(remembered, 'memory')}"
    print(f"{row['episode_id'][:10]} {row['task_id']}: {result}")
    print("When nothing waits any more, the run's own command continues it.")
    return None


def _answer_promotion(bench: Workbench, name: str, *, approve: bool, edits: list[str], as_json: bool) -> None:
    """Answer an optimisation and print how it ended."""
    if edits:
        raise SetupError("a promotion is approved or rejected: what was not measured cannot be promoted")
    ended = answer_promotion(bench, name, approve=approve)
    if as_json:
        print(json.dumps({"optimisation": name, "approved": approve, "ending": ended.ending if ended else None}))
    elif ended is None:
        print("Written down; the run's own command continues it.")
    else:
        print(f"{ended.run['run_id']}: {ended.verdict_line}")
        for line in ended.test_lines:
            print(f"  test tasks: {line}")
