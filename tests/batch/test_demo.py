"""A whole small demo with the offline model: what it was told, and whether what it says it used made its answers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from batch.loop import LearningRun, plan_run
from batch.summary import summarise
from models.call import code_in
from models.offline.chat import OfflineChatModel
from models.roles import models_with
from prompts.roles import SolvedTask, reflection_messages
from runtime.build import open_services
from runtime.settings import load_settings
from state.ledger import FinishedEpisode
from state.task import Task, view_of
from tasks.load import load_tasks, resolve_tasks

FENCE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
MEMORY = re.compile(r"^### Memory (\S+) .*?(?=^### Memory |^## |\Z)", re.DOTALL | re.MULTILINE)
MEMORIES = re.compile(r"^## Memories\n.*?(?=^## Feedback|\Z)", re.DOTALL | re.MULTILINE)


class Listening(OfflineChatModel):
    """The offline model, which notes what it was asked and what it said."""

    heard: list[Any] = []  # noqa: RUF012 - pydantic copies it

    def _answer(self, messages: Any) -> AIMessage:
        answer = super()._answer(messages)
        self.heard.append((list(messages), answer))
        return answer


@dataclass
class Demo:
    """A run that has come to its end."""

    model: Listening
    tasks: list[Task]
    rows: list[FinishedEpisode]
    codes: dict[str, str] = field(default_factory=dict)

    def asked(self) -> list[tuple[str, str]]:
        """Return system and human text of every call."""
        return [(messages[0].text, messages[1].text) for messages, _ in self.model.heard]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Learn one family of the katas, and measure its held-out tasks."""
    folder: Path = tmp_path_factory.mktemp("demo")
    tasks = [task for task in load_tasks(resolve_tasks("katas")).tasks if task["tags"][0] == "numbers"]
    given: Any = {"home": folder, "budget": 8_000, "memories": 8, "batch_size": 6, "attempts": 2, "model": "offline"}
    services = open_services(load_settings(**given))
    model = Listening(budget=8_000, workers=2, heard=[])
    listening = replace(services, models=models_with(model))
    learning = LearningRun(plan_run(listening.settings, tasks, "katas", listening), listening)
    learning.drive()
    learning.close()
    rows = [row for _, row in summarise(services.ledger, learning.run.run_id).episodes]
    codes = {row["episode_id"]: services.contents.get(row["outcome"]["code"]) for row in rows if row["outcome"]["code"]}
    yield Demo(model, tasks, rows, codes)
    model.close()
    services.close()


def test_the_demo_learns(demo: Demo) -> None:
    assert sum(row["solved"] for row in demo.rows if row["split"] != "train") >= 5


def test_no_message_holds_a_hidden_test_or_a_reference(demo: Demo) -> None:
    hidden = [test["args"][1:-2] for task in demo.tasks for test in task["tests"] if not test["visible"]]  # type: ignore[typeddict-item]
    for system, human in demo.asked():
        own = MEMORIES.sub("", human)
        assert not [inputs for inputs in hidden if inputs in system + human]
        assert not [task["task_id"] for task in demo.tasks if str(task["reference"]).strip() in system + own]


def test_what_memories_show_was_written_by_the_loop_after_verification(demo: Demo) -> None:
    learned = {demo.codes[r["episode_id"]].strip() for r in demo.rows if r["split"] == "train" and r["solved"]}
    shown = {
        code.strip() for _, human in demo.asked() for part in MEMORIES.findall(human) for code in FENCE.findall(part)
    }
    assert shown
    assert shown <= learned


def test_a_task_is_never_shown_its_own_solution(demo: Demo) -> None:
    for _, human in demo.asked():
        entry = re.findall(r"^Entry point: `(\w+)`", human, re.MULTILINE)[0]
        shown = "".join(MEMORIES.findall(human))
        assert not re.search(rf"^def {entry}\(", shown, re.MULTILINE)


def test_without_a_memory_that_it_names_as_used_the_model_answers_otherwise(demo: Demo) -> None:
    checked = 0
    for messages, answer in demo.model.heard[:]:
        for used in answer.response_metadata.get("memories_used", [])[:1]:
            human = MEMORY.sub(
                lambda block, used=used: "" if block.group(1) == used else block.group(), messages[1].text
            )
            checked += 1
            assert program(demo.model, [messages[0], human]) != code_in(answer.text, "", "")
    assert checked >= 5


def test_without_a_skill_line_that_it_names_as_used_the_model_answers_otherwise(demo: Demo) -> None:
    by_id = {task["task_id"]: task for task in demo.tasks}
    experience: list[SolvedTask] = [
        {"view": view_of(by_id[r["task_id"]]), "code": demo.codes[r["episode_id"]]} for r in demo.rows if r["solved"]
    ]
    reflected = demo.model.invoke([(m["role"], m["content"]) for m in reflection_messages(experience)])
    lines = [*reflected.text.splitlines(), "- when out:int: prefer max, product(+3); avoid sum, spread"]
    checked = 0
    for messages, _ in demo.model.heard[:40]:
        human = MEMORIES.sub("", messages[1].text)
        answer = demo.model.invoke([("system", "## Skills\n" + "\n".join(lines)), ("human", human)])
        for used in answer.response_metadata.get("skills_used", []):
            others = "\n".join(line for line in lines if line.split("  #")[0] != used.split("  #")[0])
            checked += 1
            assert program(demo.model, [("system", "## Skills\n" + others), human]) != code_in(answer.text, "", "")
    assert checked >= 1


def program(model: Listening, asked: list[Any]) -> str:
    """Return the code that the model answers with."""
    return code_in(model.invoke([asked[0], ("human", asked[1])]).text, "", "")
