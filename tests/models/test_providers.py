"""Whole batches through both real SDKs against servers that break: nothing is lost, nothing is counted as wrong."""

from pathlib import Path
from typing import Any

import pytest

from batch.loop import LearningRun, plan_run
from batch.summary import RunSummary, summarise
from benchmarks.loopback_model import write_tasks
from benchmarks.provider_server import FAULTS, ProviderServer
from models.call import ask
from models.factory import ModelSpec, close_model, make_model
from runtime.build import open_services
from runtime.settings import load_settings
from state.errors import BudgetError, TransientError
from tasks.load import load_tasks

PRICES = {"anthropic:adder": {"input": 1.0, "output": 10.0}, "openai:adder": {"input": 1.0, "output": 10.0}}


def run_batch(folder: Path, server: ProviderServer, provider: str, tasks: int = 24, **given: Any) -> RunSummary:
    settings = load_settings(
        **{
            "model": f"{provider}:adder", "base_url": server.base_url(provider), "home": folder, "memories": 0,
            "model_timeout_s": 1.0, "retries": 12, "retry_wait_s": 0.001, "prices": PRICES,
        }
        | given
    )  # fmt: skip
    services = open_services(settings)
    try:
        folder.mkdir(exist_ok=True)
        plan = plan_run(settings, load_tasks(write_tasks(folder / "tasks.jsonl", tasks)).tasks, "t", services)
        learning = LearningRun(plan, services)
        try:
            learning.drive()
        finally:
            learning.close()
        return summarise(services.ledger, plan.run_id)
    finally:
        services.close()


def results(summary: RunSummary) -> list[tuple[str, int, int, float, int, float | None]]:
    return [
        (row["task_id"], row["solved_first"], row["solved"], row["reward"], row["prompt_tokens"], row["cost_usd"])
        for _, row in summary.episodes
    ]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    with ProviderServer().serving() as server:
        return run_batch(tmp_path_factory.mktemp("undisturbed") / "home", server, "openai", tasks=40)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_batch_with_faults_in_every_fifth_call_ends_as_without(
    tmp_path: Path, undisturbed: RunSummary, provider: str, stream: bool
) -> None:
    with ProviderServer(share=0.2, seed=5, stall_s=1.2).serving() as server:
        summary = run_batch(tmp_path / "home", server, provider, tasks=40, stream=stream)
    assert results(summary) == results(undisturbed)
    assert summary.failures == []
    [use] = summary.model_use
    assert (use.calls, use.tokens) == (undisturbed.model_use[0].calls, undisturbed.model_use[0].tokens)
    assert use.failed_tries >= server.injected.total() > 4
    assert use.cost_usd == pytest.approx(sum(row["cost_usd"] or 0 for _, row in summary.episodes))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_every_fault_of_either_protocol_is_worth_another_try(provider: str, stream: bool, fault: str) -> None:
    with ProviderServer(share=1.0, stall_s=0.3, faults=[fault]).serving() as server:
        name, timeout_s = f"{provider}:adder", 0.2 if fault == "stall" else 10.0
        model = make_model(ModelSpec(name=name, base_url=server.base_url(provider), timeout_s=timeout_s, stream=stream))
        with pytest.raises(TransientError) as caught:
            ask(model, [{"role": "user", "content": "def add_4("}], stream=stream)
        close_model(model)
    assert caught.value.reason
    assert (caught.value.retry_after_s is not None) == fault.startswith("429")


def test_a_run_stops_at_its_cap_and_continues_when_it_is_raised(tmp_path: Path) -> None:
    with ProviderServer().serving() as server:
        with pytest.raises(BudgetError, match=r"has spent \$0\.0\d+, and .* cap of \$0\.0020\. Raise --max-cost"):
            run_batch(tmp_path / "home", server, "openai", max_cost_usd=0.002, concurrency=2)
        asked = server.answered.total()
        summary = run_batch(tmp_path / "home", server, "openai", max_cost_usd=1.0)
    whole = summary.model_use[0]
    assert 0 < asked < whole.calls == server.answered.total()
    assert whole.cost_usd == pytest.approx(sum(row["cost_usd"] or 0 for _, row in summary.episodes))


def test_a_question_is_asked_once_where_answers_are_kept(tmp_path: Path) -> None:
    with ProviderServer().serving() as server:
        first = run_batch(tmp_path / "home", server, "openai", tasks=6, cache_answers=True, repeats=2)
        asked = server.answered.total()
        again = run_batch(tmp_path / "home", server, "openai", tasks=6, cache_answers=True, repeats=2, seed=1)
    assert asked == server.answered.total() == 16, "two samples of six tasks, two of which are repaired"
    assert sorted(row[:4] for row in results(again)) == sorted(row[:4] for row in results(first))
    assert (again.model_use[0].from_cache, again.model_use[0].calls, again.splits[-1].cost_usd) == (16, 0, 0.0)
