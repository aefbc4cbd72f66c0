"""What the review node says of the final attempt."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from state.usage import ModelCall


class Finding(TypedDict):
    """One remark on a program."""

    rule: str  # "unused argument"
    line: int  # from 1; 0 for the whole program
    severity: Literal["note", "warning"]
    detail: str


class CodeMetrics(TypedDict):
    """Static measures of a program; it is parsed, never run."""

    parses: bool
    lines: int  # neither blank nor comment
    functions: int
    longest_function: int  # lines
    complexity: int  # largest McCabe number of a function; 1 for straight code
    nesting: int  # deepest block inside a function
    documented: bool  # the entry point has a docstring
    parameters: list[str]  # of the entry point; [] when it is missing
    defines_entry_point: bool


class Opinion(TypedDict):
    """What a model says of a program; it is shown what the program's author was shown, and no hidden test."""

    score: float  # in [0, 1]: how likely the program is right
    critique: str  # in a few sentences
    findings: list[Finding]  # at most 20
    agreement: float | None  # in [0, 1]: with other programs that fit the examples, where the model knows some
    calls: list[ModelCall]  # the last one gave the opinion; the answers before it were no use


class Review(TypedDict):
    """Static findings, how the program's visible results agree with the hidden ones, and what a reviewer says."""

    metrics: CodeMetrics
    findings: list[Finding]  # at most 20
    overfit: bool  # every visible example passed, a hidden test did not
    opinion: NotRequired[Opinion]  # where the run has a reviewer, and there is a program
