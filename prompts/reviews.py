"""Asking a model to review a program, and reading what it says. docs/offline.md has the format of both."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from prompts.roles import fenced, role_text, task_text
from state.json_values import JsonValue
from state.message import Message
from state.prompt_set import PromptSet
from state.review import Finding
from state.task import TaskView

MAX_FINDINGS: Final = 20
MAX_CRITIQUE: Final = 1_000
MAX_DETAIL: Final = 300
FITS: Final = "Every example passes."
_BLOCK: Final = re.compile(r"^```(?:json)?[ \t]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_OBJECT: Final = re.compile(r"\{.*\}", re.DOTALL)


def _clean(text: str) -> str:
    """Drop what no store takes: NUL bytes, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_clean)]


class _Finding(BaseModel):
    model_config = ConfigDict(extra="ignore")

    line: int = Field(0, ge=0)
    severity: Literal["note", "warning"] = "warning"
    rule: Line = "reviewer"
    detail: Line


class Said(BaseModel):
    """What a reviewer is asked for; see prompts/roles/review.md."""

    model_config = ConfigDict(extra="ignore")

    score: float = Field(ge=0, le=1, allow_inf_nan=False)
    critique: Line = ""
    findings: list[_Finding] = []
    agreement: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)

    @field_validator("critique")
    @classmethod
    def _is_short(cls, critique: str) -> str:
        return critique[:MAX_CRITIQUE]

    def remarks(self) -> list[Finding]:
        """Return the findings, cut to what is kept."""
        return [
            {"rule": f.rule[:80], "line": f.line, "severity": f.severity, "detail": f.detail[:MAX_DETAIL]}
            for f in self.findings[:MAX_FINDINGS]
        ]


def review_messages(
    prompt_set: PromptSet, view: TaskView, code: str, findings: Sequence[Finding], outcome: str
) -> list[Message]:
    """Return the messages that ask for a review.

    findings: of the static analysis. outcome: which visible examples failed, and how; "" when all passed. The reviewer
    knows no more than the program's author: no hidden test, nor how those went.
    """
    instructions = prompt_set["components"]["review"].replace("$$", "$").strip()
    system = f"{role_text('review')}\n\n{instructions}".strip()
    parts = [task_text(view), f"## Program\n{fenced(code)}"]
    if findings:
        lines = (f"- line {f['line']}: {f['rule']}, {f['detail']}" for f in findings)
        parts.append("## Static findings\n" + "\n".join(lines))
    if view["examples"]:
        parts.append(f"## Outcome\n{outcome or FITS}")
    return [{"role": "system", "content": system}, {"role": "user", "content": "\n\n".join(parts)}]


def asked_again(messages: Sequence[Message], answer: str, why: str) -> list[Message]:
    """Return the question once more, with what was of no use about the answer."""
    last = messages[-1]
    complaint = f"It cannot be read: {why}. Answer with the JSON block alone."
    quoted = f"## Your last answer\n{answer[:MAX_CRITIQUE]}\n\n{complaint}"
    return [*messages[:-1], {"role": last["role"], "content": f"{last['content']}\n\n{quoted}"}]


def review_in(answer: str) -> Said | str:
    """Return the review in a model's answer, or in a few words why there is none."""
    blocks: list[str] = _BLOCK.findall(answer) or _OBJECT.findall(answer)
    if not blocks:
        return "no JSON in it"
    try:
        said: JsonValue = json.loads(blocks[-1])
        return Said.model_validate(said)
    except (json.JSONDecodeError, RecursionError):
        return "no valid JSON in it"
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the object'}: {first['msg']}"[:200]
