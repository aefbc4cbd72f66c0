"""What LangGraph Studio and `langgraph dev` open: the graphs with a context that needs no argument.

Compiled without a checkpointer: the server brings its own.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, cast

from checkpoints.threads import AnyCompiledGraph
from graphs.episode import episode_graph
from graphs.learning_loop import learning_loop_graph
from runtime.build import open_services
from runtime.context import SERVICES, BatchResult, Context
from runtime.results import finished_episode
from runtime.settings import load_settings
from state.episode import EpisodeSpec, EpisodeState


@dataclass(frozen=True)
class StudioContext:
    """What Studio asks for in its form; everything else a node wants is built from it when first used.

    Built late, since the server makes contexts on its event loop, where opening a database would block every request.
    """

    model_name: str = ""
    """Such as openai:gpt-5.2; empty: from the settings, or offline."""
    home_folder: str = ""
    """Empty: from the settings, or .ratchet."""

    def __getattr__(self, name: str) -> Any:
        """Return the service of that name."""
        return getattr(_context(self.model_name, self.home_folder), name)


@lru_cache(maxsize=8)
def _context(model_name: str, home_folder: str) -> Context:
    services = open_services(load_settings(model=model_name or None, home=home_folder or None))
    context = Context(**{name: getattr(services, name) for name in SERVICES})
    return replace(context, run_episodes=partial(run_in_turn, context))


def episode() -> AnyCompiledGraph:
    """Return the episode graph. Its input: {"episode": …}, as `ratchet show EPISODE --json` prints it under "state"."""
    return episode_graph(StudioContext).compile(name="episode")


def learning_loop() -> AnyCompiledGraph:
    """Return the learning loop. Its input: the first state of a run, as graphs.learning_loop.first_state makes it."""
    return learning_loop_graph(StudioContext).compile(name="learning_loop")


def run_in_turn(context: Context, specs: Sequence[EpisodeSpec], phase: str) -> BatchResult:
    """Run episodes one after the other and write their rows; what is in the ledger is not run again."""
    known = context.ledger.find([spec["episode_id"] for spec in specs])
    graph = episode_graph().compile()
    for position, spec in enumerate(specs):
        if spec["episode_id"] not in known:
            started = time.monotonic()
            state = cast("EpisodeState", graph.invoke({"episode": spec}, context=context))
            row = finished_episode(state, wall_s=time.monotonic() - started, finished_at=context.clock())
            context.ledger.record(row, spec["run_id"], phase, position, had_failed=False)
            known[spec["episode_id"]] = row
    return {"finished": [known[spec["episode_id"]] for spec in specs], "unscored": []}
