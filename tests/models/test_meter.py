"""The cap on money, with calls that overlap; figures that a locked database refuses."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

import storage.engine
from models.cache import AnswerCache
from models.meter import Meter
from models.prices import Price
from models.retry import Retries
from models.roles import Models, Question, RoleModel
from state.errors import BudgetError, StoppedError
from storage.engine import DATABASE_FILE, Home, open_home
from storage.money import forget_calls
from storage.usage import use_of

QUICK = Retries(count=5, first_wait_s=0.001)


def spend(meter: Meter, cost: float, waiting: threading.Event | None = None) -> bool:
    """Make a call that costs so much; tell whether it was let go."""
    try:
        with meter.paying("run", "m", waiting.set if waiting else lambda: None):
            meter.note("run", "generate", "m", {"calls": 1, "cost_usd": cost})
    except BudgetError:
        return False
    return True


def paid(home: Home) -> float:
    return sum(amounts.get("cost_usd", 0.0) for amounts in use_of(home, "run").values())


def test_sixty_four_calls_at_once_do_not_pass_the_cap(home: Home) -> None:
    meter, together = Meter(home, 0.1), threading.Barrier(64)

    def one(_: int) -> bool:
        together.wait()
        return spend(meter, 0.05)

    with ThreadPoolExecutor(64) as pool:
        assert sum(pool.map(one, range(64))) == 2
    assert paid(home) == pytest.approx(0.1)


@pytest.mark.parametrize(("cap", "goes"), [(0.1, True), (0.09, False)])
def test_calls_wait_for_the_first_price_and_then_go_or_are_refused(home: Home, cap: float, goes: bool) -> None:
    meter, waiting = Meter(home, cap), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with meter.paying("run", "m", lambda: None):
            other = pool.submit(spend, meter, 0.05, waiting)
            assert waiting.wait(30)
            meter.note("run", "generate", "m", {"calls": 1, "cost_usd": 0.05})
        assert other.result(30) == goes


def test_a_call_waits_while_those_under_way_may_need_the_money_and_goes_when_they_did_not(home: Home) -> None:
    meter, waiting = Meter(home, 1.0), threading.Event()
    assert spend(meter, 0.4)
    with ThreadPoolExecutor(1) as pool:
        with meter.paying("run", "m", lambda: None):
            other = pool.submit(spend, meter, 0.4, waiting)
            assert waiting.wait(30)
            meter.note("run", "generate", "m", {"calls": 1, "cost_usd": 0.1})
        assert other.result(30)
    assert paid(home) == pytest.approx(0.9)
    assert not spend(meter, 0.1), "the next one may cost 0.4"


def test_a_first_call_that_fails_lets_the_next_one_try(home: Home) -> None:
    meter = Meter(home, 1.0)
    with pytest.raises(ZeroDivisionError), meter.paying("run", "m", lambda: None):
        raise ZeroDivisionError
    assert spend(meter, 0.1)


def test_a_wait_for_money_ends_when_the_run_is_stopped(home: Home) -> None:
    meter = Meter(home, 1.0)
    models = Models({"generate": priced(iter(["never asked"]))}, meter=meter)
    models.stop()
    with meter.paying("run", "m", lambda: None), pytest.raises(StoppedError):
        models.ask("generate", question())


def test_an_answer_is_paid_for_once_though_the_database_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.engine, "BUSY_TIMEOUT_S", 0)
    home = open_home(tmp_path / "home")
    answers = iter(["first", "second", "third"])
    models = Models({"generate": priced(answers)}, retries=QUICK, meter=Meter(home), cache=AnswerCache(home))
    other = sqlite3.connect(tmp_path / "home" / DATABASE_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert models.ask("generate", question()).text == "first"
    assert list(answers) == ["second", "third"]
    assert paid(home) == 0.0
    other.execute("ROLLBACK")
    other.close()
    models.flush()
    assert paid(home) == 1.0
    home.close()


def test_two_processes_share_the_cap(tmp_path: Path) -> None:
    homes = [open_home(tmp_path / "home") for _ in range(2)]
    mine, theirs = (Meter(home, 0.1, holder=name) for home, name in zip(homes, "ab", strict=True))
    assert spend(mine, 0.04)
    with theirs.paying("run", "m", lambda: None):  # may cost 0.04 as well
        with pytest.raises(StopAsyncIteration), mine.paying("run", "m", give_up):
            pytest.fail("0.04 spent, 0.04 under way elsewhere: another 0.04 is not there")
        theirs.note("run", "generate", "m", {"calls": 1, "cost_usd": 0.01})
    assert spend(mine, 0.04)
    assert not spend(theirs, 0.01), "the next one may cost 0.04"
    for home in homes:
        home.close()


def test_what_a_dead_process_held_is_given_back(home: Home) -> None:
    dead, alive = Meter(home, 0.1, holder="dead"), Meter(home, 0.1, holder="alive")
    assert spend(alive, 0.04)
    with dead.paying("run", "m", lambda: None):
        with pytest.raises(StopAsyncIteration), alive.paying("run", "m", give_up):
            pytest.fail("too much together")
        forget_calls(home, holder="dead")
        assert spend(alive, 0.04)


def give_up() -> None:
    raise StopAsyncIteration


def priced(answers: Iterator[str]) -> RoleModel:
    """Return a model whose every answer costs a dollar."""
    usage = {"input_tokens": 1_000_000, "output_tokens": 0, "total_tokens": 1_000_000}
    messages = (AIMessage(content=text, usage_metadata=usage) for text in answers)
    model = GenericFakeChatModel(messages=messages)
    return RoleModel(model=model, model_id="m", price=Price(input=1.0, output=1.0))


def question() -> Question:
    return Question(messages=[{"role": "user", "content": "?"}], run_id="run", cause="c")
