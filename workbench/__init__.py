"""What a person does with saved runs: look, replay, fork, compare, answer. For notebooks and for the command line.

A notebook needs no other import: `from workbench import Workbench, run, story, replay, fork`.
"""

from state.errors import RatchetError, SetupError
from workbench.answer import answer, answer_promotion, pending
from workbench.bench import Workbench
from workbench.care import prune
from workbench.compare import compare
from workbench.drawing import draw
from workbench.fork import Changes, fork
from workbench.fork_run import fork_run
from workbench.memories import memory, memory_map, search
from workbench.optimisations import candidate_tree, front, optimisation, optimise
from workbench.replay import replay
from workbench.runs import Episodes, RunReport, episodes, report, run
from workbench.story import story
from workbench.svg import Picture
from workbench.traces import Trace, profile, trace
from workbench.transfer import export_threads, import_threads

__all__ = [
    "Changes", "Episodes", "Picture", "RatchetError", "RunReport", "SetupError", "Trace", "Workbench", "answer",
    "answer_promotion", "candidate_tree", "compare", "draw", "episodes", "export_threads", "fork", "fork_run", "front",
    "import_threads", "memory", "memory_map", "optimisation", "optimise", "pending", "profile", "prune", "replay",
    "report", "run", "search", "story", "trace",
]  # fmt: skip
