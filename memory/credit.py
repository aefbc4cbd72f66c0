"""What the rewards of episodes say of the memories that they were shown."""

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass

from memory.lifecycle import Use

WEIGHT_OF_ALL = 3.0  # as many episodes like this one count as much as the mean of all


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished train episode, and the memories that it was shown."""

    episode_id: str
    task: str
    memory_ids: frozenset[str]
    reward: float  # in [0, 1]
    repaired: bool  # the first program failed and another was asked for
    finder: str = ""  # the run, where it did not execute the episode itself but found it in the ledger


class _Window:
    """Episodes, found by what they have in common."""

    def __init__(self, episodes: Sequence[Shown]) -> None:
        self._episodes = episodes
        self._by_sign: dict[str, set[int]] = defaultdict(set)
        for number, episode in enumerate(episodes):
            for sign in (episode.task, *episode.memory_ids):
                self._by_sign[sign].add(number)
        self._repaired = {number for number, episode in enumerate(episodes) if episode.repaired}

    def baseline(self, episode: Shown, memory_id: str, *, repaired: bool) -> float | None:
        """Return what such an episode gets without a memory, None when every episode was shown it.

        Such an episode is about the same task, or was shown another of the same memories: tasks that bring up the same
        memories are alike, and about as hard. The mean of all others stands in for what is missing.
        """
        chosen = self._repaired if repaired else range(len(self._episodes))
        others = set(chosen) - self._by_sign[memory_id]
        if not others:
            return None
        signs = (episode.task, *(episode.memory_ids - {memory_id}))
        like = others & set().union(*(self._by_sign[sign] for sign in signs))
        of_all = self._total(others) / len(others)
        return (self._total(like) + WEIGHT_OF_ALL * of_all) / (len(like) + WEIGHT_OF_ALL)

    def _total(self, numbers: Set[int]) -> float:
        return sum(self._episodes[number].reward for number in sorted(numbers))


def _cause(episode: Shown) -> str:
    return f"{episode.finder}:{episode.episode_id}" if episode.finder else episode.episode_id


def uses_of(new: Sequence[Shown], window: Sequence[Shown], recipes: Set[str] = frozenset()) -> list[Use]:
    """Return the uses of memories by new episodes, each with its baseline from a window of episodes.

    recipes: memories that only a failed first program brings up: their episodes are compared with such episodes.
    """
    found = _Window(window)
    return [
        Use(memory_id, _cause(one), one.reward, found.baseline(one, memory_id, repaired=memory_id in recipes))
        for one in new
        for memory_id in sorted(one.memory_ids)
    ]
