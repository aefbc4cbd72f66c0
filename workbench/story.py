"""`story`: what an episode was asked, what it did, how it ended and what branched from it."""

from collections import Counter
from dataclasses import dataclass

from checkpoints.lineage import ForkRow, Lineage
from checkpoints.story import AttemptStory, EpisodeStory, episode_story
from runtime.results import finished_episode
from state.episode import EpisodeState
from state.errors import SetupError
from state.ledger import FinishedEpisode
from state.verdict import Verdict
from workbench.bench import Workbench
from workbench.drawing import draw
from workbench.html import code, details, page, table
from workbench.svg import Picture


@dataclass(frozen=True, kw_only=True)
class Story:
    """An episode with its texts, its result and its place among forks. Displays itself in a notebook."""

    thread_id: str
    story: EpisodeStory
    row: FinishedEpisode | None
    """Its result; None while it has none. Of a fork it is computed here, since a fork has no row in the ledger."""
    ancestors: list[ForkRow]
    """The forks that led to it, its own first; [] for an original."""
    forks: list[ForkRow]
    """What branched from it."""

    @property
    def state(self) -> EpisodeState:
        """The last state."""
        return self.story.state

    @property
    def code(self) -> str:
        """The program of the latest attempt, "" where there is none."""
        return self.story.attempts[-1].code if self.story.attempts else ""

    @property
    def result(self) -> str:
        """How it ended, in words."""
        return result_in_words(self.row)

    @property
    def way(self) -> Picture:
        """Its way through the graph: how often each node ran."""
        return draw("episode", Counter(stage.node for stage in self.story.stages))

    def lineage(self) -> list[str]:
        """Return, in words, what it branched from and what branched from it."""
        above = [("forked from", row["parent"][:15], row) for row in self.ancestors]
        below = [("fork", row["fork_id"], row) for row in self.forks]
        return [f"{what} {name} at {row['node']}: {changes_in_words(row)}" for what, name, row in above + below]

    def _repr_html_(self) -> str:
        episode = self.state["episode"]
        head = [["task", f"{episode['task_id']} ({episode['split']})"], ["model", episode["model"]]]
        head += [["stages", ", ".join(f"{s.node} {s.seconds * 1000:.0f} ms" for s in self.story.stages)]]
        head += [["lineage", line] for line in self.lineage()]
        if "reward" in self.state:
            reward = self.state["reward"]
            parts = ", ".join(f"{name} {value:.2f}" for name, value in reward["components"].items())
            head.append(["reward", f"{reward['total']:.2f} ({parts})"])
        asked = [details("What the model was asked", code(a.messages[-1]["content"])) for a in self.story.attempts[:1]]
        attempts = [_attempt_html(attempt) for attempt in self.story.attempts]
        return page(f"Episode {self.thread_id[:12]}: {self.result}", table(["", ""], head), *asked, *attempts)


def story(bench: Workbench, name: str) -> Story:
    """Return an episode's story; raises SetupError when the home has no such episode, or no checkpoints of it."""
    thread_id = bench.thread_of(name)
    found = episode_story(bench.saver, bench.contents, thread_id)
    row = bench.ledger.episode(thread_id)
    if found is None:
        what = "has been pruned" if row else "does not exist"
        raise SetupError(f"no checkpoints of {thread_id} in {bench.folder}: it {what}")
    if "episode" not in found.state:
        raise SetupError(f"{thread_id} is no episode; `ratchet runs` lists the runs")
    if row is None and "remembered" in found.state:
        row = finished_episode(found.state, wall_s=sum(s.seconds for s in found.stages), finished_at=0.0)
    lineage = Lineage(bench.home)
    return Story(
        thread_id=thread_id,
        story=found,
        row=row,
        ancestors=lineage.ancestors(thread_id),
        forks=lineage.of(thread_id),
    )


def result_in_words(row: FinishedEpisode | None) -> str:
    """Return how an episode ended."""
    if row is None:
        return "not finished"
    if not row["solved"]:
        return "declined" if row["outcome"]["declined"] else "not solved"
    return "solved" if row["solved_first"] else "solved by a repair"


def changes_in_words(row: ForkRow) -> str:
    """Return what was changed in a fork."""
    changes = {name: ", ".join(v) if isinstance(v, list) else v for name, v in row["changes"].items()}
    said = [f"{name}={value}" for name, value in changes.items()]
    return "; ".join([*said, *(["teaches"] if row["teaches"] else [])]) or "nothing changed"


def detail_of(verdict: Verdict) -> str:
    """Return why a test did not pass; "" when it did."""
    if verdict["status"] == "passed":
        return ""
    if verdict["error_type"]:
        return f"{verdict['error_type']}: {verdict['message']}"
    if verdict["expected"] or verdict["got"]:
        return f"expected {verdict['expected']}, got {verdict['got']}"
    return verdict["message"]


def _attempt_html(attempt: AttemptStory) -> str:
    number = attempt.attempt["index"] + 1
    if not attempt.code:
        return details(f"Attempt {number}: the model declined", code(attempt.answer.strip()))
    rows = [[v["status"], "visible" if v["visible"] else "hidden", v["name"], detail_of(v)] for v in attempt.verdicts]
    passed = sum(v["status"] == "passed" for v in attempt.verdicts)
    shown = table(["", "", "test", ""], rows)
    told = code("told to the model:\n" + attempt.feedback) if attempt.feedback else ""
    head = f"<p>Attempt {number}: {passed} of {len(attempt.verdicts)} tests passed</p>"
    return f"{head}{code(attempt.code.rstrip())}{details('tests', shown)}{told}"
