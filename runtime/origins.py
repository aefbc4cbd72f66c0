"""Where the value of a setting came from, in the words in which its user wrote it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Origins:
    """The places that settings are read from, the ones that go first listed first."""

    given: Mapping[str, object] = field(default_factory=dict)
    """Arguments by setting."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """How an argument is written on the command line, by setting: {"optimiser.target": "--target"}."""
    prefix: str
    """Of the environment's variables."""
    env_file: str
    only_there: frozenset[str] = frozenset()
    """Variables that only the file of variables holds."""
    file: str
    held: Mapping[str, object] = field(default_factory=dict)
    """What the settings file says."""

    def name(self, path: Sequence[str], *, missing: bool = False) -> str:
        """Return the option, the variable, or the key and its file that a value came from, else the setting's name.

        missing: the last part of the path is what is not there.
        """
        dotted, there = ".".join(path), path[:-1] if missing else path
        if _holds(self.given, there):
            ways = (self.spelled.get(".".join(path[:length])) for length in range(len(path), 0, -1))
            return next(filter(None, ways), dotted)
        for length in range(len(path), 0, -1):
            variable = (self.prefix + "__".join(path[:length])).upper()
            if variable in map(str.upper, os.environ):
                return f"{variable} in {self.env_file}" if variable in self.only_there else variable
        return f"{dotted} in {self.file}" if _holds(self.held, there) else dotted


def _holds(values: object, path: Sequence[str]) -> bool:
    """Tell whether nested tables hold a value at the path; what lies within a list is held by its table."""
    for part in path:
        if not isinstance(values, Mapping):
            return True
        if part not in values:
            return False
        values = values[part]
    return bool(path)
