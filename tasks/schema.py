"""Our own task line, as pydantic models; `python -m tasks.schema` rewrites `task.schema.json` from them."""

import ast
import json
from keyword import iskeyword
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag, ValidationError, field_validator

from state.errors import SetupError
from state.syntax import parsed
from state.task import Split, TaskLimits, Test
from tasks.build import Draft
from tasks.source import expression, is_literal, literal_text, require_python

SCHEMA_FILE = Path(__file__).parent / "task.schema.json"


class _Strict(BaseModel):
    """A misspelt key or a number in quotes is an error, not a surprise later."""

    model_config = ConfigDict(strict=True, extra="forbid")


class CallExample(_Strict):
    """Call the entry point with JSON values and compare what it returns: null is None, an object a dict."""

    args: list[JsonValue] = Field(description="The arguments, in order.")
    expected: JsonValue = Field(description="What the call returns.")

    def test(self, *, visible: bool) -> Test:
        """Return the test this example stands for."""
        args = literal_text(tuple(self.args))
        return {"kind": "call", "args": args, "expected": literal_text(self.expected), "visible": visible}


class LiteralExample(_Strict):
    """The same in Python literals, for what JSON cannot say: tuples, sets, bytes, dicts with other keys."""

    args_literal: str = Field(description="The arguments as a Python tuple: \"({1, 2}, b'x')\".")
    expected_literal: str = Field(description='What the call returns, as a Python literal: "(1, 2)".')

    @field_validator("args_literal")
    @classmethod
    def _is_tuple(cls, text: str) -> str:
        node = expression(text)
        if not isinstance(node, ast.Tuple) or not is_literal(node):
            raise ValueError(f'should be a tuple of Python literals such as "(1, \'a\')" or "(1,)", not {text!r}')
        return text.strip()

    @field_validator("expected_literal")
    @classmethod
    def _is_literal(cls, text: str) -> str:
        node = expression(text)
        if node is None or not is_literal(node):
            raise ValueError(f"should be a Python literal, not {text!r}")
        return text.strip()

    def test(self, *, visible: bool) -> Test:
        """Return the test this example stands for."""
        return {"kind": "call", "args": self.args_literal, "expected": self.expected_literal, "visible": visible}


class StdioExample(_Strict):
    """Run the program as a script: `stdin` goes in, `stdout` must come out."""

    stdin: str
    stdout: str

    def test(self, *, visible: bool) -> Test:
        """Return the test this example stands for."""
        return {"kind": "stdio", "stdin": self.stdin, "stdout": self.stdout, "visible": visible}


class CheckExample(_Strict):
    """Code that defines `check(candidate)`; it is called with the entry point."""

    check: str

    @field_validator("check")
    @classmethod
    def _defines_check(cls, code: str) -> str:
        tree = parsed(code)
        if tree is None or not any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body):
            raise ValueError("should be Python code that defines check(candidate)")
        return code

    def test(self, *, visible: bool) -> Test:
        """Return the test this example stands for."""
        return {"kind": "check", "code": self.check, "visible": visible}


KINDS = ("call", "literal", "assert", "check", "stdio")


def _kind_of(example: object) -> str:
    if isinstance(example, str):
        return "assert"
    keys = example if isinstance(example, dict) else {}
    for kind, key in (("stdio", "stdin"), ("stdio", "stdout"), ("check", "check")):
        if key in keys:
            return kind
    return "literal" if {"args_literal", "expected_literal"} & set(keys) else "call"


AnyExample = Annotated[
    Annotated[CallExample, Tag("call")]
    | Annotated[LiteralExample, Tag("literal")]
    | Annotated[str, Tag("assert")]
    | Annotated[CheckExample, Tag("check")]
    | Annotated[StdioExample, Tag("stdio")],
    Discriminator(_kind_of),
]


class Limits(_Strict):
    """What this task's programs may use; what is missing comes from the settings."""

    cpu_s: float | None = Field(default=None, gt=0, description="CPU seconds over all tests.")
    wall_s: float | None = Field(default=None, gt=0, description="Wall seconds over all tests.")
    memory_mb: int | None = Field(default=None, gt=0, description="Megabytes of memory.")

    def given(self) -> TaskLimits:
        """Return the limits that the line sets."""
        return cast("TaskLimits", self.model_dump(exclude_none=True))


class TaskLine(_Strict):
    """One task of a Ratchet task file: one JSON object on one line."""

    task_id: str = Field(min_length=1, description="Unique in the file; the split is drawn from it.")
    prompt: str = Field(min_length=1, description="What the model is asked for: prose, or a signature with docstring.")
    entry_point: str = Field(
        default="", description="The function to define; left out when all tests are stdin/stdout."
    )
    examples: list[AnyExample] = Field(default_factory=list, description="Visible tests: shown to the model.")
    tests: list[AnyExample] = Field(default_factory=list, description="Hidden tests: they decide the reward.")
    tests_visible: bool = Field(default=False, description="True shows the hidden tests to the model as well.")
    setup: str = Field(default="", description="Imports and helpers that test code uses; the program never sees it.")
    reference: str | None = Field(default=None, description="One correct program; never shown to a model.")
    split: Literal["train", "validation", "test"] | None = Field(default=None, description="Default: from the id.")
    limits: Limits = Field(default_factory=Limits)
    tags: list[str] = Field(default_factory=list, description="Groups in report tables.")

    def draft(self) -> Draft:
        """Return the task as it is written here; raises SetupError for what the types cannot say."""
        tests = [_test(e, visible=True) for e in self.examples]
        tests += [_test(e, visible=self.tests_visible) for e in self.tests]
        if not self.entry_point and any(test["kind"] != "stdio" for test in tests):
            raise SetupError('no "entry_point", the function that the tests call')
        if self.entry_point and (not self.entry_point.isidentifier() or iskeyword(self.entry_point)):
            raise SetupError(f'"entry_point" should be a function name, not {self.entry_point!r}')
        _require_promised(self.prompt, self.entry_point)
        split: Split | None = self.split
        return Draft(
            task_id=self.task_id,
            prompt=self.prompt,
            entry_point=self.entry_point,
            tests=tests,
            setup=require_python(self.setup, "setup"),
            reference=None if self.reference is None else require_python(self.reference, "reference"),
            split=split,
            limits=self.limits.given(),
            tags=self.tags,
        )


def _require_promised(prompt: str, entry_point: str) -> None:
    """Raise SetupError when the prompt is Python that defines names, and not the one that the tests call."""
    tree = parsed(prompt) or parsed(prompt.rstrip() + "\n    pass\n")
    nodes = tree.body if tree else []
    names = [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    if entry_point and names and entry_point not in names:
        raise SetupError(f'"entry_point" is {entry_point!r}, but the prompt defines {", ".join(map(repr, names))}')


def _test(example: CallExample | LiteralExample | str | CheckExample | StdioExample, *, visible: bool) -> Test:
    """Return the test that one item of `examples` or `tests` stands for."""
    if not isinstance(example, str):
        return example.test(visible=visible)
    tree = parsed(example)
    if tree is None or not any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        raise SetupError(f"a test given as text should be assert statements, not {example[:60]!r}")
    return {"kind": "assert", "code": example, "visible": visible}


def problem_of(error: ValidationError, line: dict[str, object]) -> str:
    """Say the first thing that is wrong with a line in the words of a task file, not of pydantic."""
    first = error.errors()[0]
    path = _path(first["loc"])
    message = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
    if first["type"] == "missing":
        return f'no "{path}" (keys: {", ".join(_keys_at(first["loc"][:-1], line))})'
    if first["type"] == "extra_forbidden":
        known = f" (keys: {', '.join(TaskLine.model_fields)})" if len(first["loc"]) == 1 else ""
        return f'unknown key "{path}"{known}'
    if first["type"] == "value_error":
        return f'"{path}" {message}'
    return f'"{path}" {message}, not {_short(first["input"])}'


def _keys_at(location: tuple[int | str, ...], line: dict[str, object]) -> list[str]:
    """Return the keys of the object at a place of the line; the kinds in a location are no keys of it."""
    found: object = line
    for part in location:
        if isinstance(found, list) and isinstance(part, int):
            found = found[part]
        if isinstance(found, dict) and part in found:
            found = found[part]
    return list(found) if isinstance(found, dict) else []


def _path(location: tuple[int | str, ...]) -> str:
    # ("tests", 0, "call", "args") -> tests[0].args: the kind of a test is our word, not the user's
    text = ""
    for before, part in zip(("", *location), location, strict=False):
        if isinstance(part, int):
            text += f"[{part}]"
        elif not isinstance(before, int) or part not in KINDS:
            text += f".{part}"
    return text.removeprefix(".")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def schema_text() -> str:
    """Return the JSON Schema of a task line."""
    return json.dumps(TaskLine.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
