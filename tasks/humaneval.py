"""HumanEval lines: the check is hidden, the examples of the docstring are visible."""

from pydantic import BaseModel, ConfigDict

from state.errors import SetupError
from state.syntax import parsed
from state.task import Test
from tasks.build import Draft
from tasks.docstrings import examples_of


class HumanEvalLine(BaseModel):
    """One line of HumanEval.jsonl, or of a data set in its form. Other keys are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")

    task_id: str
    prompt: str
    entry_point: str
    test: str
    canonical_solution: str | None = None

    def draft(self) -> Draft:
        """Return the task. Raises SetupError when the prompt is not a Python function header.

        Test code may use what the prompt's header defines, so the prompt is the task's setup. The examples are
        taken as the docstring gives them; where they contradict the reference, they do so in the data set.
        """
        header = parsed(self.prompt)
        if header is None:
            raise SetupError('"prompt" is not valid Python')
        check: Test = {"kind": "check", "code": self.test, "visible": False}
        return Draft(
            task_id=self.task_id,
            prompt=self.prompt,
            entry_point=self.entry_point,
            tests=[*examples_of(header, self.entry_point), check],
            setup=self.prompt,
            reference=None if self.canonical_solution is None else self.prompt + self.canonical_solution,
            tags=["humaneval"],
        )
