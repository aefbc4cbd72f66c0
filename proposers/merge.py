"""Merge of two candidates that improved different components of their common ancestor."""

from optimization.merge import changed_components, propose_merge
from proposers.protocol import Proposal, Request


class Merge:
    """Takes each component from the side that changed it."""

    name = "merge"
    examples = 0
    rounds = 1

    def propose(self, request: Request) -> Proposal | None:
        """Return a merge that has not been tried; None when no two candidates complement each other."""
        merge = propose_merge(
            request.pool,
            request.parents,
            request.scores,
            tried=request.tried_merges,
            seed=request.seed,
            index=request.index,
        )
        if merge is None:
            return None
        first, second = merge.parents
        names = sorted(changed_components(request.pool[merge.ancestor], merge.components))
        why = f"candidates {first} and {second} merged: {', '.join(names)}"
        return Proposal(components=merge.components, why=why, merge=(first, second, merge.ancestor))
