"""Decide whether proposed tasks are worth having: new, told apart by their examples, neither too easy nor too hard."""

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from langgraph.runtime import Runtime

from models.call import Address, code_in
from models.roles import Question
from prompts.registry import shipped_prompt_set
from prompts.render import generation_messages
from runtime.proposing import Program, ProposalContext, known_tasks, limits_of, passing
from sandbox.protocol import Job
from state.memory_item import MemoryHit
from state.proposal import Draft, Proposed, SeriesRef
from state.task import Task, view_of
from storage.contents import canonical
from tasks.describe import description
from tasks.mutants import ablations_of, mutants_of
from tasks.novelty import Known
from tasks.proposal import line_of, task_of
from tasks.telling import telling

VISIBLE = (3, 4, 5)  # examples shown: as few as tell every mutant apart
HIDDEN = 6
PROBES = 6  # inputs on which a known reference that always agrees is called the same


class ValidateReads(TypedDict):
    """What the node reads."""

    series: SeriesRef
    batch: list[Proposed]
    admitted: str


class ValidateWrites(TypedDict):
    """What the node writes."""

    batch: list[Proposed]


def validate(state: ValidateReads, runtime: Runtime[ProposalContext]) -> ValidateWrites:
    """Check every proposal against the known tasks, choose its examples, and measure how hard it is.

    A proposal that passes becomes the line of a task file. Raises TransientError and PermanentError as model and
    sandbox do.
    """
    context, series = runtime.context, state["series"]
    known = Known(known_tasks(series, state["admitted"], context))

    def one(proposed: Proposed) -> Proposed:
        if proposed["refused"]:
            return proposed
        draft: Draft = json.loads(context.contents.get(proposed["content"]))
        refused = _not_new(draft, known, context)
        if refused:
            return {**proposed, "refused": refused}
        visible = _examples(draft, context)
        if isinstance(visible, str):
            return {**proposed, "refused": visible}
        hidden = [n for n in range(len(draft["inputs"])) if n not in visible][:HIDDEN]
        name = f"{series['series']}/{draft['entry_point']}"
        learnability = _learnability(draft, visible, proposed["number"], series, context)
        if isinstance(learnability, str):
            return {**proposed, "refused": learnability}
        tags = ["proposed", *([f"learnability {learnability:.2f}"] if series["tries"] else [])]
        [content] = context.contents.put(canonical(line_of(draft, visible, hidden, name=name, tags=tags)))
        return {**proposed, "content": content, "learnability": learnability}

    with ThreadPoolExecutor(context.settings.concurrency) as threads:
        return {"batch": list(threads.map(one, state["batch"]))}


def _not_new(draft: Draft, known: Known, context: ProposalContext) -> str:
    """Say which known task this is, by its words or by what it does; "" for none."""
    alike = known.by_words(draft)
    if alike:
        return f"known: the words of {alike}"
    tasks = known.of_shape(draft)
    programs = [Program(task["reference"] or "", task["entry_point"]) for task in tasks]
    inputs, answers = draft["inputs"][:PROBES], draft["answers"][:PROBES]
    results = passing(programs, inputs, answers, context.sandbox, limits_of(context))
    same = [task["task_id"] for task, passed in zip(tasks, results, strict=True) if passed and len(passed) == PROBES]
    return f"known: does what {same[0]} does" if same else ""


def _examples(draft: Draft, context: ProposalContext) -> list[int] | str:
    """Return the numbers of the examples to show: together they tell the reference from all its near mutants."""
    if len(set(draft["answers"])) <= len(draft["answers"]) // 4:
        return "trivial: nearly always the same answer"
    source, entry = draft["reference"], draft["entry_point"]
    ablations, mutants = ablations_of(source, entry), mutants_of(source, entry)
    programs = [Program(text, entry) for text in (*ablations, *mutants)]
    everything = frozenset(range(len(draft["inputs"])))
    results = passing(programs, draft["inputs"], draft["answers"], context.sandbox, limits_of(context))
    killed = [everything if passed is None else everything - passed for passed in results]
    if not all(killed[: len(ablations)]):
        return "redundant: a part of the reference changes nothing"
    told = [killers for killers in killed if killers]

    def novelty(number: int, chosen: Sequence[int]) -> int:
        return int(all(draft["answers"][number] != draft["answers"][other] for other in chosen))

    for count in VISIBLE:
        visible = telling(len(draft["inputs"]), told, count, novelty)
        if visible is not None:
            return visible
    return f"ambiguous: {VISIBLE[-1]} examples cannot tell it from its mutants"


def _learnability(
    draft: Draft, visible: Sequence[int], number: int, series: SeriesRef, context: ProposalContext
) -> float | str:
    """Return 1 - pass rate over the tries, or why the task is not in the useful band (Absolute Zero Reasoner, 2025).

    The first try shows the examples of the task, every further one another draw and one fewer, so that a model that
    always answers alike has a rate, too. After two failures at the start the rest, which show less, count as failed.
    """
    tries, shown, solved = series["tries"], list(visible), 0
    for attempt in range(tries):
        solved += _solves(draft, shown, attempt, series, context)
        if attempt == 1 and not solved:
            break
        draw = random.Random(f"{series['seed']}:try:{number}:{attempt}")
        shown = sorted(draw.sample(range(len(draft["inputs"])), max(1, len(shown) - 1)))
    if tries and solved in (0, tries):
        return f"too {'hard' if solved == 0 else 'easy'}: solved in {solved} of {tries} tries"
    return 1.0 - solved / tries if tries else 0.0


def _solves(draft: Draft, shown: Sequence[int], attempt: int, series: SeriesRef, context: ProposalContext) -> bool:
    hidden = [n for n in range(len(draft["inputs"])) if n not in shown]
    task = task_of(line_of(draft, shown, hidden, name=draft["entry_point"], tags=[]))
    messages = generation_messages(shipped_prompt_set(), view_of(task), _memories(task, series, context), [])
    place = f"{series['series']}/{task['task_id']}"
    address: Address = {"task_id": place, "prompt": task["prompt"], "repeat": attempt, "attempt": 0}
    question = Question(
        messages=messages, run_id=series["series"], cause=f"{place}:{attempt}", sample=attempt, address=address
    )
    answer = context.models.ask("generate", question)
    code = code_in(answer.text, task["entry_point"], task["prompt"])
    if not code:
        return False
    job = Job(program=code, entry_point=task["entry_point"], tests=task["tests"], trusted_tests=False)
    return all(v["status"] == "passed" for v in context.sandbox.run(job, limits_of(context))["verdicts"])


def _memories(task: Task, series: SeriesRef, context: ProposalContext) -> list[MemoryHit]:
    if not series["watermark"] or not context.settings.memories:
        return []
    return context.memory.search(
        {
            "text": description(task),
            "kinds": ["procedural"],
            "limit": context.settings.memories,
            "horizon": {"watermark": series["watermark"], "run_id": "", "batch": 0},
        }
    )
