"""The chat models of a run by role, with all that goes around a call: turns, retries, money, kept answers."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel

from models.cache import AnswerCache
from models.call import Address, Answer, ask
from models.factory import close_model
from models.limits import RateLimit
from models.meter import Meter
from models.prices import Price
from models.retry import Retries
from state.errors import ExhaustedError, StoppedError, TransientError
from state.message import Message
from state.role import Role

CHARACTERS_PER_TOKEN = 4  # to reserve tokens of a rate limit before a call; what it took is known after it


@dataclass(frozen=True, kw_only=True)
class RoleModel:
    """A chat model with what its calls need to know."""

    model: BaseChatModel
    model_id: str
    """What tells its answers from another's."""
    price: Price | None = None
    """None: unknown."""
    limit: RateLimit | None = None
    stream: bool = False
    max_tokens: int | None = None
    """Of an answer."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a role is asked, and on whose account."""

    messages: Sequence[Message]
    run_id: str
    cause: str
    """Names the call within the run: the waits between its tries are drawn from it."""
    sample: int = 0
    """From 0: which of several answers to the same messages is wanted."""
    address: Address | None = None
    """Where a recorded model finds its answer."""


class Models:
    """Asks the model of a role. Safe for many threads; stop() ends waits at once."""

    def __init__(
        self,
        by_role: Mapping[Role, RoleModel],
        *,
        retries: Retries | None = None,
        meter: Meter | None = None,
        cache: AnswerCache | None = None,
    ) -> None:
        """by_role: at least "generate", which stands in for roles that have no model of their own."""
        self._by_role = by_role
        self._retries = retries or Retries()
        self._meter = meter
        self._cache = cache
        self._stopping = threading.Event()

    def of(self, role: Role) -> RoleModel:
        """Return the model of a role."""
        return self._by_role.get(role) or self._by_role["generate"]

    def ask(self, role: Role, question: Question) -> Answer:
        """Ask, wait and ask again as long as that may help.

        Raises ExhaustedError when the tries are used up, BudgetError when the run has spent what it may, StoppedError
        after stop(); PermanentError and SetupError as they come.
        """
        one = self.of(role)
        if self._cache is not None:
            kept = self._cache.get(one.model_id, question.messages, question.sample)
            if kept is not None:
                self._note(question, role, {"from cache": 1})
                return kept
        answer = self._answer(role, one, question)
        if self._cache is not None:
            with suppress(TransientError):  # a locked database: the answer is paid for, kept or not
                self._cache.put(one.model_id, question.messages, question.sample, answer)
        return answer

    def flush(self) -> None:
        """Write the figures that are not written yet."""
        if self._meter is not None:
            self._meter.flush()

    def stop(self) -> None:
        """End every wait; calls that are under way end by themselves. Safe to call from a signal handler."""
        self._stopping.set()

    def resume(self) -> None:
        """Let calls wait again after a stop()."""
        self._stopping.clear()

    def close(self) -> None:
        """Write the figures and end what the models run in the background."""
        self.flush()
        for one in {id(one.model): one.model for one in self._by_role.values()}.values():
            close_model(one)

    def _answer(self, role: Role, one: RoleModel, question: Question) -> Answer:
        for number in range(self._retries.count + 1):
            said = self._said(role, one, question)
            if isinstance(said, Answer):
                return said
            self._note(question, role, {f"retry: {said.reason or 'other'}": 1})
            asked_s = said.retry_after_s
            if number == self._retries.count or (asked_s or 0.0) > self._retries.longest_asked_s:
                raise self._exhausted(said, number + 1) from said
            pause = self._retries.wait_s(number, question.cause, asked_s)
            if asked_s and one.limit:
                one.limit.hold(asked_s)  # the others need not be refused as well
            self._wait(pause)
        raise AssertionError("the last try returns or raises")

    def _said(self, role: Role, one: RoleModel, question: Question) -> Answer | TransientError:
        """Ask once; return what is worth another try. An answer that was paid for never is."""
        with self._paying(one, question):
            try:
                answer = self._once(one, question)
            except TransientError as error:
                return error
            self._note(question, role, _amounts(answer))  # before another call may ask what is left
            return answer

    def _once(self, one: RoleModel, question: Question) -> Answer:
        if one.limit is None:
            return ask(one.model, question.messages, question.address, price=one.price, stream=one.stream)
        guess = sum(len(m["content"]) for m in question.messages) // CHARACTERS_PER_TOKEN + (one.max_tokens or 0)
        settle = one.limit.take(guess, self._wait)
        answer = ask(one.model, question.messages, question.address, price=one.price, stream=one.stream)
        settle(answer.usage["prompt_tokens"] + answer.usage["completion_tokens"])
        return answer

    def _exhausted(self, error: TransientError, tries: int) -> ExhaustedError:
        asked_s = error.retry_after_s or 0.0
        if asked_s > self._retries.longest_asked_s:
            return ExhaustedError(f"{error} (it asks to wait {asked_s:.0f} s)", reason=error.reason)
        return ExhaustedError(f"{error} (tried {tries} times)" if tries > 1 else str(error), reason=error.reason)

    def _paying(self, one: RoleModel, question: Question) -> AbstractContextManager[None]:
        if self._meter is None:
            return nullcontext()
        return self._meter.paying(question.run_id, one.model_id, lambda: self._wait(0.0))

    def _note(self, question: Question, role: Role, amounts: Mapping[str, float]) -> None:
        if self._meter is not None:
            self._meter.note(question.run_id, role, self.of(role).model_id, amounts)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoppedError("stopped while waiting for the model")


def models_with(model: BaseChatModel, price: Price | None = None) -> Models:
    """Return one model for every role, without limits, figures or kept answers, asked once: for single calls."""
    return Models({"generate": RoleModel(model=model, model_id=model._llm_type, price=price)}, retries=Retries(count=0))


def _amounts(answer: Answer) -> dict[str, float]:
    usage = answer.usage
    amounts: dict[str, float] = {
        "calls": 1,
        "prompt_tokens": usage["prompt_tokens"],
        "completion_tokens": usage["completion_tokens"],
        "model_s": usage["model_s"],
    }
    amounts |= {"cost_usd": usage["cost_usd"]} if usage["cost_usd"] is not None else {"unpriced": 1}
    return amounts | ({"cut off": 1} if answer.finish == "length" else {})
