"""How long to wait before a model is asked again."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often a call is tried again, and how the waits grow."""

    count: int = 5
    """Tries after the first; 0: none."""
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    longest_asked_s: float = 300.0
    """A server that asks for a longer wait is not waited for."""

    def wait_s(self, number: int, cause: str, asked_s: float | None) -> float:
        """Return the seconds before retry `number`, from 0: what the server asked for, and a little more; or doubling.

        Half of a wait is drawn, so that callers who failed together do not come back together; the draw depends on
        the cause and the number alone. Source: Brooker, "Exponential Backoff and Jitter", AWS 2015 ("equal jitter").
        """
        wait = min(self.longest_wait_s, self.first_wait_s * 2.0**number)
        wait *= 0.5 + 0.5 * Random(f"{cause}:retry:{number}").random()
        return wait if asked_s is None else asked_s + wait / 10
