"""The traces of a run: made from its home, sent while it goes on, sent later where they did not arrive."""

from collections.abc import Mapping

from checkpoints.savers import close_saver, open_saver
from checkpoints.story import episode_course
from runtime.build import Services
from runtime.settings import Settings
from state.errors import SetupError
from storage.contents import ContentStore
from storage.engine import Home
from storage.traces import lost_traces, note_traces
from telemetry.events import Sink
from telemetry.exporter import TREES, TraceExporter
from telemetry.langsmith import LangSmithSender, langsmith_settings
from telemetry.tree import Span, episode_tree


def start_exporter(services: Services, run_id: str, tell: Sink) -> TraceExporter | None:
    """Send the traces of a run where LangSmith's variables ask for it; None where they do not."""
    settings = langsmith_settings(run_id, services.settings.langsmith_dataset, services.settings.langsmith_experiment)
    if settings is None:
        return None
    contents, home = services.contents, services.home

    def note(delivered: Mapping[str, bool]) -> None:
        note_traces(home, run_id, delivered)

    def tree_of(episode_id: str, failure: str) -> list[Span]:
        return tree_at(home, contents, episode_id, failure)

    return TraceExporter(LangSmithSender(settings), tree_of, note, tell)


def tree_at(home: Home, contents: ContentStore, episode_id: str, failure: str = "") -> list[Span]:
    """Return the spans of an episode of a home; [] where it left no checkpoint."""
    saver = open_saver(home)
    try:
        found = episode_course(saver, episode_id)
    finally:
        close_saver(saver)
    return episode_tree(found[0], found[1], contents.get, failure) if found else []


def send_lost(home: Home, settings: Settings, run_id: str) -> int:
    """Send the traces of a run that did not arrive while it ran; return how many. Raises SetupError when it fails."""
    where = langsmith_settings(run_id, settings.langsmith_dataset, settings.langsmith_experiment)
    if where is None:
        raise SetupError("LangSmith is not set up: set LANGSMITH_TRACING=true and LANGSMITH_API_KEY")
    lost, contents = lost_traces(home, run_id), ContentStore(home)
    for start in range(0, len(lost), TREES):
        some = lost[start : start + TREES]
        trees = [tree_at(home, contents, episode_id) for episode_id in some]
        try:
            LangSmithSender(where).send([tree for tree in trees if tree])
        except Exception as error:
            raise SetupError(f"LangSmith does not take traces: {type(error).__name__}; {start} were sent") from error
        note_traces(home, run_id, dict.fromkeys(some, True))
    return len(lost)
