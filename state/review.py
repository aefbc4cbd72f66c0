"""What the review node says of the final attempt."""

from typing import Literal

from typing_extensions import TypedDict


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


class Review(TypedDict):
    """Static findings, and how the program's visible results agree with the hidden ones."""

    metrics: CodeMetrics
    findings: list[Finding]  # at most 20
    overfit: bool  # every visible example passed, a hidden test did not
