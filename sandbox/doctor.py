"""What protects this machine from the programs it runs, for `ratchet doctor`."""

from sandbox.canaries import ATTACKS
from sandbox.local import LocalSandbox
from state.errors import SetupError, TransientError

_LAYERS = {
    "namespaces": "full",
    "private files": "full",
    "no_new_privs": "rlimit",
    "landlock": "landlock",
    "seccomp": "rlimit",
    "rlimits": "rlimit",
}
"""Every layer, and the weakest level it belongs to."""


def examine() -> list[tuple[str, bool, str]]:
    """Start a worker and return (layer, whether it is active, detail), the level that was reached first."""
    sandbox = LocalSandbox(1)
    try:
        greeting = sandbox.greet()
    except (SetupError, TransientError) as error:
        return [("level", False, str(error))]
    finally:
        sandbox.close()
    level = greeting["level"]
    promise = (
        f"{level}: proven by {len(ATTACKS)} attacks at start" if level != "rlimit" else "rlimit: little is held back"
    )
    rows = [("level", True, promise)]
    found = {layer["name"]: layer for layer in greeting["layers"]}
    for name, part_of in _LAYERS.items():
        if name in found:
            rows.append((name, found[name]["active"], found[name]["detail"]))
        else:
            rows.append((name, False, greeting["refusals"].get(part_of, "this machine does not offer it")))
    rows.append(("cgroups", False, "not used: memory, CPU time and processes are metered by the worker itself"))
    return rows
