"""Review the final attempt: static findings, whether it fits the examples only, and what a reviewer says of it."""

import json
from typing import TypedDict

from langgraph.runtime import Runtime

from models.call import Address
from models.roles import Question
from prompts.outcome import outcome_text
from prompts.reviews import asked_again, review_in, review_messages
from rewards.static import findings_in, measure
from runtime.context import Context
from state.episode import Attempt, EpisodeSpec, final_attempt
from state.errors import ExhaustedError
from state.message import Message
from state.review import Finding, Opinion, Review
from state.task import Task, view_of
from state.usage import ModelCall
from state.verdict import Verdict, solved
from storage.contents import canonical

TRIES = 3  # questions to a reviewer whose answers cannot be read


class ReviewReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec
    attempts: list[Attempt]


class ReviewWrites(TypedDict):
    """What the node writes."""

    review: Review


def review(state: ReviewReads, runtime: Runtime[Context]) -> ReviewWrites:
    """Measure the final program without running it, compare its visible with its hidden results, and ask the reviewer.

    A reviewer is asked where the run has one (`roles.review`) and there is a program. Raises TransientError and
    PermanentError as the model call does, ExhaustedError when no answer can be read: neither is the program's fault.
    """
    context, attempt = runtime.context, final_attempt(state["attempts"])
    report = attempt["report"]
    assert report is not None, "execute comes before review"
    task = context.tasks.get(state["episode"]["task"])
    code = context.contents.get(attempt["code"]) if attempt["code"] else ""
    fits_examples = report["visible_total"] > 0 and report["visible_passed"] == report["visible_total"]
    found: Review = {
        "metrics": measure(code, task["entry_point"]),
        "findings": findings_in(code, task["entry_point"]) if code else [],
        "overfit": fits_examples and not solved(report),
    }
    if code and "review" in context.settings.roles:
        found["opinion"] = _opinion(state["episode"], task, attempt, found["findings"], context)
    return {"review": found}


def _opinion(episode: EpisodeSpec, task: Task, attempt: Attempt, findings: list[Finding], context: Context) -> Opinion:
    code, outcome = context.contents.get(attempt["code"]), _outcome(task, attempt, context)
    prompt_set = context.prompts.get(episode["prompt_set"])
    messages = review_messages(prompt_set, view_of(task), code, findings, outcome)
    calls: list[ModelCall] = []
    why = ""
    for _ in range(TRIES):
        text = _asked(messages, episode, calls, context)
        said = review_in(text)
        if not isinstance(said, str):
            return {
                "score": float(said.score),
                "critique": said.critique,
                "findings": said.remarks(),
                "agreement": said.agreement,
                "calls": calls,
            }
        why = said
        messages = asked_again(messages, text, why)
    raise ExhaustedError(
        f"the reviewer's answer cannot be read: {why} (asked {TRIES} times). Try another model: --role review=MODEL",
        reason="unreadable review",
    )


def _asked(messages: list[Message], episode: EpisodeSpec, calls: list[ModelCall], context: Context) -> str:
    """Ask once more, and add the call to those there were."""
    number = len(calls)
    place: Address = {
        "task_id": f"review/{episode['task_id']}",
        "prompt": "",
        "repeat": episode["repeat"],
        "attempt": number,
    }
    question = Question(
        messages=messages,
        run_id=episode["run_id"],
        cause=f"{episode['episode_id']}:review:{number}",
        sample=episode["repeat"],
        address=place,
    )
    answer = context.models.ask("review", question)
    request, text = context.contents.put(canonical(messages), answer.text)
    calls.append(
        {
            "model": context.models.of("review").model_id,
            "request": request,
            "answer": text,
            "finish": answer.finish,
            "usage": answer.usage,
        }
    )
    return answer.text


def _outcome(task: Task, attempt: Attempt, context: Context) -> str:
    """Return which visible examples failed, and how; nothing of the hidden tests."""
    report = attempt["report"]
    if report is None or not report["report"]:
        return ""
    verdicts: list[Verdict] = json.loads(context.contents.get(report["report"]))["verdicts"]
    cpu_s = task["limits"].get("cpu_s", context.settings.sandbox.cpu_s)
    return outcome_text(task, verdicts, report["limit"], cpu_s, with_hidden=False)
