"""A chat model that replays answers from a JSONL file: {task_id, solution | completion, run?} per line.

The `samples.jsonl` files of HumanEval and EvalPlus work as they are.
A row may also hold prompt_tokens and completion_tokens.
"""

import gzip
import hashlib
import json
import re
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel, ConfigDict, ValidationError

from models.call import Address
from state.errors import PermanentError, SetupError
from state.syntax import parsed


class RecordedAnswer(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(extra="ignore")

    task_id: str
    solution: str | None = None  # a whole program
    completion: str | None = None  # continues the task's prompt
    run: int | None = None  # from 1, in the order of the file where it is missing
    prompt_tokens: int = 0
    completion_tokens: int = 0


class RecordedChatModel(BaseChatModel):
    """Answers the first attempt of a task's n-th repeat with its n-th recorded answer, and declines repairs."""

    answers: dict[str, list[RecordedAnswer]]
    content_digest: str

    @classmethod
    def from_file(cls, path: Path) -> "RecordedChatModel":
        """Read the answers; raises SetupError, naming the line, for a file that cannot be used."""
        raw = _read(path)
        answers: dict[str, list[RecordedAnswer]] = defaultdict(list)
        # split at line feeds alone: JSON texts may hold the other characters that end a line in Python
        for number, line in enumerate(raw.decode("utf-8-sig", "replace").split("\n"), start=1):
            if line.strip():
                row = _parse(line, f"{path} line {number}")
                answers[row.task_id].append(row)
        if not answers:
            raise SetupError(f"{path} holds no recorded answers: expected JSON lines with task_id and solution")
        for rows in answers.values():
            rows.sort(key=lambda row: row.run or 0)  # stable: the file's order where there is no run number
        return cls(answers=dict(answers), content_digest=hashlib.sha256(raw).hexdigest()[:16])

    @property
    def _llm_type(self) -> str:
        return "recorded"

    def _row(self, task_id: str, repeat: int) -> RecordedAnswer:
        rows = self.answers.get(task_id, [])
        if repeat >= len(rows):
            raise PermanentError(f"no recorded answer for {task_id} repeat {repeat + 1}: the file has {len(rows)}")
        return rows[repeat]

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        address: Address | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if address is None:
            raise PermanentError("a recorded model answers by task and repeat, and was asked without them")
        if address["attempt"] > 0:
            return _result("No repair was recorded for this answer.", RecordedAnswer(task_id=address["task_id"]))
        row = self._row(address["task_id"], address["repeat"])
        text = row.completion or "" if row.solution is None else row.solution
        if "```" in text and (row.solution is None or parsed(text) is None):
            return _result(text, row)  # an answer with prose and fences: read like any model's
        code = row.solution if row.solution is not None else _joined(address["prompt"], row.completion or "")
        # a fence longer than any in the code, so that the code may hold fences of its own
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
        return _result(f"{fence}python\n{code}\n{fence}", row)


def _joined(prompt: str, completion: str) -> str:
    """Return the prompt with its completion: a body begins on a line of its own."""
    return prompt + completion if prompt.endswith("\n") or completion.startswith("\n") else f"{prompt}\n{completion}"


def _read(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(f"cannot read the recorded answers {path}: {reason}") from error


def _parse(line: str, where: str) -> RecordedAnswer:
    try:
        row = RecordedAnswer.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        raise SetupError(f"{where}: {'.'.join(map(str, first['loc'])) or 'the line'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:  # also a number too long to read
        raise SetupError(f"{where}: no valid JSON ({error})") from error
    if row.solution is None and row.completion is None:
        raise SetupError(f'{where}: no "solution" and no "completion"')
    return row


def _result(text: str, row: RecordedAnswer) -> ChatResult:
    message = AIMessage(
        content=text,
        usage_metadata={
            "input_tokens": row.prompt_tokens,
            "output_tokens": row.completion_tokens,
            "total_tokens": row.prompt_tokens + row.completion_tokens,
        },
        response_metadata={"finish_reason": "stop", "model_name": "recorded"},
    )
    return ChatResult(generations=[ChatGeneration(message=message)])
