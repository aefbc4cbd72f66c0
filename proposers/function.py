"""A user's own function or agent as a proposer: named `module:function`."""

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from proposers.protocol import Proposal, Request
from state.errors import SetupError


class FunctionProposer:
    """Calls a function with the request; it returns the components to change, or None.

    The function gets a `proposers.protocol.Request` and may use its `ask`; it may have the attributes
    `rounds` and `examples` of a Proposer.
    Raises SetupError when there is no such function.
    """

    def __init__(self, name: str, examples: int) -> None:
        self.name = name
        self._function = _found(name)
        self.examples: int | None = getattr(self._function, "examples", examples)
        self.rounds = int(getattr(self._function, "rounds", 1))

    def propose(self, request: Request) -> Proposal | None:
        """Return what the function proposes; raises TypeError when that is no mapping of names to texts."""
        said = self._function(request)
        if said is None:
            return None
        if not isinstance(said, Mapping) or not all(isinstance(part, str) for pair in said.items() for part in pair):
            raise TypeError(f"{self.name} returned {type(said).__name__}, not a mapping of component names to texts")
        changed = {name: text for name, text in said.items() if request.components.get(name) != text}
        return Proposal(components=changed, why=f"{', '.join(sorted(changed))} by {self.name}") if changed else None


def _found(name: str) -> Callable[[Request], object]:
    module_name, _, function_name = name.partition(":")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)  # last: a file of the user's must not take the place of a package
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise SetupError(f"no proposer {name!r}: {error}. Name one of your own as module:function") from error
    if not callable(function):
        raise SetupError(f"the proposer {name!r} is no function")
    found: Callable[[Request], object] = function
    return found
