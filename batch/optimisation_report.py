"""The HTML report of an optimisation: one self-contained file, no network; a part of it in notebooks."""

import os
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from batch.optimisation_summary import CandidateSummary, OptimisationSummary
from state.optimization import RESOURCES


def write_optimisation_report(summary: OptimisationSummary, path: Path) -> Path:
    """Write the report whole or not at all; return its path."""
    temporary = path.with_suffix(".part")
    temporary.write_text(optimisation_html(summary, whole=True), encoding="utf-8")
    os.replace(temporary, path)
    return path


def optimisation_html(summary: OptimisationSummary, *, whole: bool) -> str:
    """Return the report as a page, or as a piece of one."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files("batch").joinpath("optimisation.html.jinja").read_text("utf-8")
    return environment.from_string(source).render(
        s=summary, whole=whole, tree=tree_of(summary.candidates), resources=RESOURCES
    )


def tree_of(candidates: list[CandidateSummary]) -> list[tuple[int, CandidateSummary]]:
    """Return the candidates below their first parents, each with its depth."""
    children: dict[int, list[CandidateSummary]] = {}
    for candidate in candidates[1:]:
        children.setdefault(candidate.parents[0], []).append(candidate)

    def below(candidate: CandidateSummary, depth: int) -> list[tuple[int, CandidateSummary]]:
        found = [(depth, candidate)]
        for child in children.get(candidate.index, []):
            found += below(child, depth + 1)
        return found

    return below(candidates[0], 0)
