"""Which memories lower rewards, when several are shown to one episode and the question is asked again and again."""

from collections import defaultdict
from collections.abc import Mapping

from memory.lifecycle import Track


def blamed(tracks: Mapping[str, Track]) -> dict[str, Track]:
    """Return the memories that lower rewards, the surest first, with what counts against each.

    An episode that was spoilt counts against one memory: once the surest is found, the episodes that it was shown to
    say nothing of the others any more. Without this, what is shown beside a harmful memory shares its fate.
    """
    left, found = dict(tracks), dict[str, Track]()
    sharing: dict[str, set[str]] = defaultdict(set)
    for memory_id, track in tracks.items():
        for episode in track.advantages:
            sharing[episode].add(memory_id)
    while left:
        worst = min(left, key=lambda one: (left[one].highest, one))
        track = left.pop(worst)
        if not track.hurts:
            break
        found[worst] = track
        for other in set().union(*(sharing[episode] for episode in track.advantages)) & left.keys():
            left[other] = left[other].without(track.advantages.keys())
    return found
