"""A request answered: staged search, ranking, and the program that is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from models.offline.bank import Budget
from models.offline.catalog import conditional_component
from models.offline.concepts import components_of
from models.offline.conditional import two_branches
from models.offline.expression import Node, leaf, program
from models.offline.feedback import Lessons, lessons_of, observe
from models.offline.fuel import Fuel
from models.offline.memories import Library, library
from models.offline.parse import GIVEN, Request
from models.offline.pricing import MEMORIES, NAMED, component_names, prices, stages
from models.offline.problem import Problem, guarded, problem_of
from models.offline.rank import PROBE_ERROR, Evidence, ranked
from models.offline.search import Search
from models.offline.skills import Skill, applying, parse_skills, price_changes
from models.offline.variants import fitting_variants
from models.offline.words import words_in

DEDUCTION_SHARES: Final = (0.3, 0.1, 0.05)
"""Of a stage's budget, for the elements of the first, second and third sequence."""
GUARD_SHARE: Final = 0.25
"""Of the budget, kept for the search without the empty cases where there are any."""
MAX_CHECKED_SKILLS: Final = 2
MAX_CHECKED_MEMORIES: Final = 2
AFTER_A_CRASH: Final = 3.0
"""How much worse failing on a probe is once an attempt has raised."""


@dataclass
class Solution:
    """What a search came to."""

    code: str = ""
    """The program; "" when nothing fits."""
    how: str = ""
    candidates: int = 0
    effort: int = 0
    """Candidates tried until the answer was found: later ones only compete with it. All of them when nothing fits."""
    stage: str = "none"
    alternatives: int = 0
    """Number of differently behaving expressions that fit the examples."""
    memories_used: list[str] = field(default_factory=list)
    memories_refused: int = 0
    """Memories whose code the search does not run."""
    components: list[str] = field(default_factory=list)
    """Names of the components in the answer, memories aside."""
    skills_used: list[str] = field(default_factory=list)
    """Skill lines without which the answer would be another one."""
    skills_ignored: int = 0
    stopped: bool = False
    """The safety net of CPU time ended the search: on another machine the answer may differ."""


@dataclass(frozen=True)
class _Found:
    """What a search found."""

    fits: Sequence[Node]
    """Best first."""
    stage: str = "none"


def solve(request: Request, purse: Budget) -> Solution:
    """Search for a program within a budget. Gives a Solution without code when nothing fits or nothing is asked."""
    lessons = lessons_of(request)
    problem = problem_of(request, lessons.examples)
    skills = parse_skills(request.skills)
    if problem is None or request.signature is None:
        return Solution(how="I find no function with an example call in this.", skills_ignored=skills.ignored)
    observe(lessons, request, problem)
    task = _task_of(request, problem, lessons)
    shelf = task.shelf
    applied = applying(skills, task.words, request.text, problem)
    found = task.search(applied, purse)
    solution = Solution(
        candidates=purse.spent,
        effort=purse.spent,
        stage=found.stage,
        alternatives=len(found.fits),
        memories_refused=shelf.refused,
        skills_ignored=skills.ignored,
        stopped=purse.stopped,
    )
    if not found.fits:
        solution.how = f"Nothing that fits the examples after {purse.spent} candidates."
        return solution
    best = found.fits[0]
    solution.effort = best.found_after or purse.spent
    solution.code = task.program(best)
    solution.how = f"Found by search with {found.stage} after {purse.spent} candidates."
    solution.memories_used = task.decisive_memories(applied, best, solution.code, purse.total)
    solution.components = sorted(component_names() & {n.component.name for n in best.walk() if n.component})
    solution.skills_used = task.decisive(applied, best, solution.code, Budget(purse.total))
    return solution


def programs_that_fit(request: Request, problem: Problem, purse: Budget, most: int) -> list[str]:
    """Return the best programs that a search finds: they fit the examples and differ elsewhere."""
    task = _task_of(request, problem, Lessons())
    return [task.program(node) for node in task.search((), purse).fits[:most]]


def _task_of(request: Request, problem: Problem, lessons: Lessons) -> "_Task":
    words = frozenset(words_in(request.text))
    name = request.signature.name if request.signature else ""
    return _Task(request, problem, words, library(request.memories, words, {*problem.params, name}), lessons)


@dataclass(frozen=True)
class _Task:
    """A request made ready for searching."""

    request: Request
    problem: Problem
    words: frozenset[str]
    shelf: Library
    lessons: Lessons

    def search(self, skills: Sequence[Skill], purse: Budget) -> _Found:
        """Search stage by stage; the empty cases split off if nothing fits otherwise."""
        special = guarded(self.problem, self.request.text)
        shelf = _with_concepts(self.shelf, skills)
        with purse.limited(int(purse.total * (1 - GUARD_SHARE)) if special else purse.total):
            found = self._staged(self.problem, skills, shelf, purse, conditionals=True)
            if found.fits:
                return found
        if special is None:
            return _Found(())
        found = self._staged(special.rest, skills, shelf, purse, conditionals=False)
        wrapped = [_guard(node, special.param, special.otherwise) for node in found.fits]
        return _Found(wrapped, f"{found.stage}, empty cases apart" if wrapped else "none")

    def _staged(
        self, problem: Problem, skills: Sequence[Skill], shelf: Library, purse: Budget, *, conditionals: bool
    ) -> _Found:
        changes = price_changes(skills)
        priced = prices(problem, self.words, changes, slow=self.lessons.slow)
        evidence = self._evidence(changes)
        budget = purse.left
        fits: list[Node] = []
        search = None
        for stage in stages(shelf, priced, changes, len(self.request.attempts)):
            search = Search(problem, stage.components, priced.forms, purse)
            with purse.limited(int(budget * stage.share)):
                search.deepen(DEDUCTION_SHARES)
            fits += self._new(search.fits, problem)
            if stage.name == MEMORIES and not fits:
                fits += self._new(fitting_variants(shelf.whole, problem, purse), problem)
            if fits and not stage.early:
                return _Found(ranked(fits, problem, evidence), stage.name)
        if search and conditionals and not fits:
            fits = self._new(two_branches(search.bank, problem.outputs), problem)
            return _Found(ranked(fits, problem, evidence), "two branches" if fits else "none")
        return _Found(ranked(fits, problem, evidence), "all components" if fits else "none")

    def _new(self, fits: Sequence[Node], problem: Problem) -> list[Node]:
        """Drop what behaves like an earlier attempt."""
        if problem is not self.problem:
            return list(fits)
        return [node for node in fits if not self.lessons.repeats(node.values)]

    def _evidence(self, changes: Mapping[str, int]) -> Evidence:
        named = frozenset(part.memory for part in self.shelf.whole if part.cost < NAMED) - {GIVEN}
        factor = AFTER_A_CRASH if self.lessons.crashed else 1.0
        return Evidence(self.words, named, PROBE_ERROR * factor, changes)

    def program(self, node: Node) -> str:
        """Print an expression as the whole program."""
        assert self.request.signature is not None
        return program(node, self.request.signature.header, self.request.imports)

    def decisive_memories(self, skills: Sequence[Skill], best: Node, code: str, budget: int) -> list[str]:
        """Return the memories without which the answer would be another program; only those are called used.

        That is clear of a memory whose function the program carries. A condition or body out of one may be what the
        search finds by itself: it is asked.
        """
        parts = [n.component for n in best.walk() if n.component and n.component.memory not in ("", GIVEN)]
        carried = {part.memory for part in parts if part.source}
        inline = sorted({part.memory for part in parts} - carried)[:MAX_CHECKED_MEMORIES]
        return sorted(carried | {memory for memory in inline if self._without(memory).differs(skills, code, budget)})

    def _without(self, memory: str) -> "_Task":
        request = replace(self.request, memories=tuple(m for m in self.request.memories if m.memory_id != memory))
        assert request.signature is not None
        shelf = library(request.memories, self.words, {*self.problem.params, request.signature.name})
        return replace(self, request=request, shelf=shelf)

    def differs(self, skills: Sequence[Skill], code: str, budget: int) -> bool:
        """Tell whether the search ends in another program than this one."""
        found = self.search(skills, Budget(budget))
        return not found.fits or self.program(found.fits[0]) != code

    def decisive(self, skills: Sequence[Skill], best: Node, code: str, purse: Budget) -> list[str]:
        """Return the lines without which the same search gives another program; only those are called used."""
        names = {n.component.name for n in best.walk() if n.component}
        suspects = [skill for skill in skills if names & {skill.line, *_preferred(skill)}]
        used = []
        for skill in suspects[:MAX_CHECKED_SKILLS]:
            others = [other for other in skills if other is not skill]
            if self.differs(others, code, purse.total):
                used.append(skill.line)
        return used


def _preferred(skill: Skill) -> set[str]:
    return {name for name, change in skill.changes if change < 0}


def _with_concepts(shelf: Library, skills: Sequence[Skill]) -> Library:
    """Return the shelf with what skill lines say that words mean; the same meaning twice is taken once."""
    lines = {skill.concept: skill.line for skill in reversed(skills) if skill.concept}
    if not lines:
        return shelf
    fuel = Fuel()
    made = [part for concept, line in reversed(lines.items()) for part in components_of(line, concept, fuel)]
    return replace(shelf, parts=[*made, *shelf.parts])


def _guard(node: Node, param: str, otherwise: object) -> Node:
    test = leaf(param, node.values, 1)
    default = leaf(repr(otherwise), [otherwise] * len(node.values), 1)
    component = conditional_component()
    guarded_node = Node(node.values, cost=node.cost + 3, component=component, args=(node, test, default))
    guarded_node.found_after = node.found_after
    return guarded_node
