"""A task that a model proposes: read from its answer, completed with tests, written as a line of a task file."""

import json
import re
from collections.abc import Sequence
from keyword import iskeyword
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from state.errors import SetupError
from state.json_values import JsonObject
from state.proposal import Draft
from state.syntax import parsed
from state.task import Task
from tasks.build import finish
from tasks.schema import LiteralExample, TaskLine

MIN_INPUTS: Final = 9
MAX_INPUTS: Final = 24
MAX_CHARACTERS: Final = 8_000
_BLOCK: Final = re.compile(r"^```(?:json)?[ \t]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Proposal(BaseModel):
    """What a model is asked for; see prompts/roles/propose.md."""

    model_config = ConfigDict(extra="ignore")

    prompt: str = Field(min_length=20, max_length=MAX_CHARACTERS)
    entry_point: str = Field(max_length=80)
    reference: str = Field(max_length=MAX_CHARACTERS)
    inputs: list[str] = Field(min_length=MIN_INPUTS)

    @field_validator("inputs")
    @classmethod
    def _are_tuples(cls, inputs: list[str]) -> list[str]:
        good = []
        for text in list(dict.fromkeys(inputs))[:MAX_INPUTS]:
            good.append(LiteralExample(args_literal=text, expected_literal="None").args_literal)
        return good

    @model_validator(mode="after")
    def _holds_together(self) -> "Proposal":
        if not self.entry_point.isidentifier() or iskeyword(self.entry_point):
            raise ValueError("entry_point is no function name")
        if parsed(self.reference) is None or f"def {self.entry_point}(" not in self.reference:
            raise ValueError("the reference does not define the entry point")
        if len(self.inputs) < MIN_INPUTS:
            raise ValueError(f"fewer than {MIN_INPUTS} different inputs")
        return self


def draft_in(answer: str) -> Draft | str:
    """Return the task in a model's answer, or in a few words why there is none."""
    blocks: list[str] = _BLOCK.findall(answer) or [answer]
    try:
        proposal = Proposal.model_validate(json.loads(blocks[-1]))
    except (json.JSONDecodeError, RecursionError):
        return "no JSON in the answer"
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'][:1])) or 'task'}: {first['msg'].removeprefix('Value error, ')}"[:120]
    return {
        "prompt": proposal.prompt,
        "entry_point": proposal.entry_point,
        "reference": proposal.reference,
        "inputs": proposal.inputs,
        "answers": [],
    }


def line_of(
    draft: Draft, visible: Sequence[int], hidden: Sequence[int], *, name: str, tags: Sequence[str]
) -> JsonObject:
    """Return the line of a task file: the numbered inputs with their answers as visible and as hidden tests."""

    def tests(numbers: Sequence[int]) -> list[dict[str, str]]:
        return [{"args_literal": draft["inputs"][n], "expected_literal": draft["answers"][n]} for n in numbers]

    return {
        "task_id": name,
        "prompt": draft["prompt"],
        "entry_point": draft["entry_point"],
        "examples": tests(visible),
        "tests": tests(hidden),
        "reference": draft["reference"],
        "tags": list(tags),
    }


def task_of(line: JsonObject) -> Task:
    """Return the task of a line; raises SetupError when it is none."""
    try:
        return finish(TaskLine.model_validate(line).draft())
    except ValidationError as error:
        raise SetupError(f"not a task: {error.errors()[0]['msg']}") from error
