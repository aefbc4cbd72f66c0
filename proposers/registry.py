"""Proposers by name."""

from collections.abc import Callable, Sequence

from proposers.drop_lines import DropLines
from proposers.function import FunctionProposer
from proposers.merge import Merge
from proposers.protocol import Proposer
from proposers.rewrite import Contrast, Rewrite
from proposers.skill_lines import SkillLines
from state.errors import SetupError

BUILT_IN: dict[str, Callable[[int], Proposer]] = {
    "skill_lines": lambda _: SkillLines(),
    "rewrite": Rewrite,
    "contrast": Contrast,
    "merge": lambda _: Merge(),
    "drop_lines": lambda _: DropLines(),
}
WITHOUT_LANGUAGE = ("skill_lines", "drop_lines")
"""For a model that cannot rewrite prose: the offline one."""
WITH_LANGUAGE = ("rewrite", "contrast", "merge", "skill_lines", "drop_lines")


def proposer_names(names: Sequence[str], proposing_model: str) -> tuple[str, ...]:
    """Return the proposers in the order of their turns: the given ones, or those that suit the model."""
    return tuple(names) or (WITHOUT_LANGUAGE if proposing_model == "offline" else WITH_LANGUAGE)


def make_proposer(name: str, examples: int) -> Proposer:
    """Return a proposer by its name, or a user's function as `module:function`; raises SetupError for any other."""
    if name in BUILT_IN:
        return BUILT_IN[name](examples)
    if ":" in name:
        return FunctionProposer(name, examples)
    raise SetupError(f"no proposer {name!r}: there are {', '.join(BUILT_IN)}, and your own as module:function")
