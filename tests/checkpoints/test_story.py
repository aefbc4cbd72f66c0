from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from langchain_core.language_models import FakeListChatModel

from checkpoints.savers import Saver, close_saver, open_saver
from checkpoints.story import episode_story
from checkpoints.threads import drive, thread_config
from graphs.episode import episode_graph
from models.roles import models_with
from runtime.context import Context
from state.episode import EpisodeSpec
from state.errors import SetupError
from state.task import Task
from storage.contents import ContentStore
from storage.engine import Home

WRONG, RIGHT = ("def add(a, b):\n    return a - b\n", "def add(a, b):\n    print('hello')\n    return a + b\n")


@pytest.fixture
def saver(home: Home) -> Iterator[Saver]:
    opened = open_saver(home)
    yield opened
    close_saver(opened)


@pytest.fixture
def driven(
    context: Context, saver: Saver, episode_of: Callable[..., EpisodeSpec], task_of: Callable[..., Task]
) -> Callable[..., EpisodeSpec]:
    """Drive an episode through the answers that are given."""

    def drive_one(*answers: str, **given: object) -> EpisodeSpec:
        episode = episode_of(task_of(), **given)
        world = replace(context, models=models_with(FakeListChatModel(responses=list(answers))))
        graph = episode_graph().compile(checkpointer=saver)
        drive(graph, thread_config(episode["episode_id"], "v"), {"episode": episode}, world)
        return episode

    return drive_one


def test_the_story_tells_every_stage_and_every_text_from_the_checkpoints_alone(
    driven: Callable[..., EpisodeSpec], saver: Saver, contents: ContentStore
) -> None:
    episode = driven(f"```python\n{WRONG}```", f"Sorry.\n```python\n{RIGHT}```")
    story = episode_story(saver, contents, episode["episode_id"])
    assert story is not None
    nodes = ["retrieve", "generate", "execute", "reflect", "generate", "execute", "review", "reward", "remember"]
    assert [stage.node for stage in story.stages] == nodes
    assert all(stage.seconds >= 0 for stage in story.stages)
    first, second = story.attempts
    assert (first.code, second.code, second.answer[:6]) == (WRONG, RIGHT, "Sorry.")
    assert [verdict["status"] for verdict in second.verdicts] == ["passed"] * 3
    assert second.stdout.startswith("hello\n")
    assert first.feedback in second.messages[-1]["content"]
    assert story.state["episode"] == episode


def test_an_attempt_in_which_the_model_declined_has_no_program_and_no_verdicts(
    driven: Callable[..., EpisodeSpec], saver: Saver, contents: ContentStore
) -> None:
    story = episode_story(saver, contents, driven("I cannot.")["episode_id"])
    assert story is not None
    [attempt] = story.attempts
    assert (attempt.answer, attempt.code, attempt.verdicts, attempt.feedback) == ("I cannot.", "", [], "")


def test_a_half_done_episode_has_the_story_so_far(
    driven: Callable[..., EpisodeSpec], saver: Saver, contents: ContentStore, task_of: Callable[..., Task]
) -> None:
    with pytest.raises(SetupError, match="no prompt set"):
        driven("", episode_id="half", prompt_set="gone")
    story = episode_story(saver, contents, "half")
    assert story is not None
    assert ([stage.node for stage in story.stages], story.attempts) == (["retrieve"], [])


def test_a_thread_that_does_not_exist_has_no_story(saver: Saver, contents: ContentStore) -> None:
    assert episode_story(saver, contents, "nobody") is None
