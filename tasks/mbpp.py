"""MBPP lines, full and sanitized: the first assert is visible, the others are hidden."""

import ast
import builtins
from itertools import chain

from pydantic import BaseModel, ConfigDict, Field

from state.errors import SetupError
from state.syntax import parsed
from state.task import Test
from tasks.build import Draft


class MbppLine(BaseModel):
    """One line of mbpp.jsonl (`text`, `test_setup_code`) or sanitized-mbpp (`prompt`, `test_imports`)."""

    model_config = ConfigDict(strict=True, extra="ignore")

    task_id: int | str
    text: str | None = None
    prompt: str | None = None
    code: str | None = None
    test_list: list[str] = Field(min_length=1)
    test_setup_code: str = ""
    test_imports: list[str] = Field(default_factory=list)
    challenge_test_list: list[str] = Field(default_factory=list)

    def draft(self) -> Draft:
        """Return the task; raises SetupError when there is no text or the asserts call nothing."""
        prompt = self.prompt or self.text
        if not prompt:
            raise SetupError('no "text" and no "prompt"')
        tests: list[Test] = [
            {"kind": "assert", "code": code, "visible": index == 0}
            for index, code in enumerate([*self.test_list, *self.challenge_test_list])
        ]
        return Draft(
            task_id=f"mbpp/{self.task_id}" if isinstance(self.task_id, int) else self.task_id,
            prompt=prompt,
            entry_point=_called(self.test_list, self.code or ""),
            tests=tests,
            setup="\n".join([*self.test_imports, self.test_setup_code]).strip(),
            reference=self.code,
            tags=["mbpp"],
        )


def _defined(code: str) -> set[str]:
    reference = parsed(code)
    return {node.name for node in reference.body if isinstance(node, ast.FunctionDef)} if reference else set()


def _called(asserts: list[str], code: str) -> str:
    """Return the function that the asserts call: one that the reference defines, else the first non-builtin."""
    tree = parsed("\n".join(asserts))
    if tree is None:
        raise SetupError('"test_list" is not valid Python')
    called = [n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    defined = _defined(code)
    ours = (name for name in called if name in defined)
    others = (name for name in called if not hasattr(builtins, name))
    name = next(chain(ours, others), None)
    if name is None:
        raise SetupError('the asserts of "test_list" call no function')
    return name
