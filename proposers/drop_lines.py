"""Fewer lines: what does not help costs tokens and attention, and may do harm."""

from random import Random

from proposers.protocol import Proposal, Request


class DropLines:
    """Leaves lines of the skills out: one, or a piece of a quarter where there are many."""

    name = "drop_lines"
    examples = 0
    rounds = 1

    def propose(self, request: Request) -> Proposal | None:
        """Return the parent's skills without some lines that have not been left out of it before."""
        lines = request.components["skills"].splitlines()
        known = {tuple(refused.get("skills", "").splitlines()) for refused in request.refused}
        sizes = {1, max(1, len(lines) // 4)}
        pieces = [(start, start + size) for size in sorted(sizes) for start in range(0, len(lines), size)]
        fresh = [(start, end) for start, end in pieces if tuple(lines[:start] + lines[end:]) not in known]
        if not fresh:
            return None
        start, end = Random(f"{request.seed}:drop-lines:{request.index}").choice(fresh)
        dropped = lines[start:end]
        why = f"without {len(dropped)} of {len(lines)} lines: {dropped[0][:80]}"
        return Proposal(components={"skills": "\n".join(lines[:start] + lines[end:])}, why=why)
