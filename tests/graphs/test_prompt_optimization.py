"""Prompt optimisation as a whole: what it finds, what it pays, what it does not look at."""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from batch.optimisation_report import optimisation_html
from batch.optimisation_summary import OptimisationSummary, summarise_optimisation
from batch.optimise import fork
from benchmarks.planted import GOOD, HARMFUL, success_probability
from checkpoints.threads import thread_config
from optimization.budget import total_spent
from proposers.protocol import Request
from state.errors import SetupError
from tests.graphs.conftest import PROPOSER, driven_in_pieces
from workbench import Workbench, replay
from workbench.replay import Replay


def replay_of(run_id: str, home: Path) -> Replay:
    with Workbench(home) as bench:
        return replay(bench, run_id)


def summary_of(run: Any, services: Any) -> OptimisationSummary:
    return summarise_optimisation(services.ledger, services.optimisations, services.prompts, run.plan.run_id)


def test_planted_rules_are_found_promoted_and_used_by_new_runs(optimisation: Any) -> None:
    with optimisation(iterations=30, patience=10) as (run, _, services):
        state = run.drive()
        promoted = state["ending"]["promoted"]
        skills = services.prompts.get(promoted)["components"]["skills"]
        summary = summary_of(run, services)

        assert success_probability(skills) > success_probability("") + 0.15
        assert services.prompts.chosen(0.0) == promoted
        assert summary.verdict_line.startswith(f"promoted {promoted[:10]}: validation +")
        assert "95 % interval" in summary.test_lines[1]


def test_a_finished_optimisation_is_only_read_and_one_gone_back_from_is_not_chosen_again(optimisation: Any) -> None:
    with optimisation(iterations=30, patience=10) as (run, _, services):
        first = run.drive()
        services.prompts.rollback(1.0)
    with optimisation(iterations=30, patience=10) as (run, runner, services):
        assert run.drive() == first
        assert runner.executed == []
        assert services.prompts.chosen(0.0) == run.plan.ref["prompt_set"]


def test_what_another_run_of_the_home_has_measured_is_not_paid_for_again(optimisation: Any) -> None:
    with optimisation(iterations=3) as (run, _, _services):
        first = run.drive()["spend"]
    with optimisation(iterations=3, patience=2) as (run, runner, _services):
        second = run.drive()["spend"]

        assert first["validation"]["rollouts"] >= 40
        assert "validation" not in second or second["validation"]["rollouts"] < first["validation"]["rollouts"]
        assert sum(line.get("rollouts", 0) for line in second.values()) == len(runner.executed)


def test_spending_ends_at_the_budget_and_the_report_says_on_what(optimisation: Any) -> None:
    with optimisation(budget={"rollouts": 100}) as (run, runner, services):
        state = run.drive()

        assert len(runner.executed) <= 100
        assert state["ending"]["reason"].startswith("budget: rollouts: ")
        assert summary_of(run, services).total["rollouts"] == len(runner.executed)


def test_a_budget_that_does_not_pay_for_the_first_candidate_is_refused(optimisation: Any) -> None:
    message = "does not pay for measuring the first candidate: rollouts: 0 of 10 spent"
    with optimisation(budget={"rollouts": 10}) as (run, _, _services), pytest.raises(SetupError, match=message):
        run.drive()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"target": 0.01}, "reaches the target"),
        ({"proposers": ["drop_lines"]}, "no proposer improves anything any more"),
        ({"iterations": 2}, "2 iterations are done"),
        ({"budget": {"tokens": 50_000}}, "budget: tokens: "),
    ],
)
def test_it_ends_for_a_named_reason(optimisation: Any, given: dict[str, Any], reason: str) -> None:
    with optimisation(**given) as (run, _, _services):
        assert reason in run.drive()["ending"]["reason"]


def test_a_stop_file_ends_it_after_the_iteration(optimisation: Any) -> None:
    with optimisation() as (run, _, _services):
        (run.folder / "stop").touch()
        assert run.drive()["ending"]["reason"] == "the stop file is there"


def test_no_test_task_and_no_validation_task_reaches_a_proposer_a_memory_or_the_gate(
    optimisation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []
    monkeypatch.setattr("benchmarks.planted.propose_rule", lambda request: seen.append(request) or propose(request))
    with optimisation(iterations=6, patience=6) as (run, _, services):
        run.drive()
        train = {e["task_id"] for e in run.context.at_hand[run.plan.run_id].entries("train")}  # type: ignore[attr-defined]
        gated = {
            row["task_id"]
            for phase, row in services.ledger.episodes_of(run.plan.run_id)
            if phase.split(":")[1] in ("gate", "teach")
        }

        numbers = {int(task_id.partition("/")[2]) for task_id in train}
        shown = {int(e.view["entry_point"][1:]) for request in seen for e in request.examples}
        assert shown
        assert shown <= numbers
        assert gated <= train
        assert services.memory.watermark() == 0


def propose(request: Request) -> dict[str, str]:
    return {"skills": request.components["skills"] + f"\n- line {request.index}"}


def test_what_teaches_a_child_never_judges_it(optimisation: Any) -> None:
    with optimisation(iterations=6, patience=6) as (run, _, services):
        run.drive()
        used: dict[tuple[str, str], set[str]] = {}
        for phase, row in services.ledger.episodes_of(run.plan.run_id):
            iteration, kind = phase.split(":")[:2]
            used.setdefault((iteration, kind), set()).add(row["task_id"])

        judged = [number for number, kind in used if kind == "gate"]
        assert judged
        assert not any(used.get((number, "teach"), set()) & used[number, "gate"] for number in judged)


def raising(_request: Request) -> dict[str, str]:
    raise ValueError("no idea")


def answering_nonsense(_request: Request) -> Any:
    return ["skills"]


def saying_nothing(_request: Request) -> dict[str, str]:
    return {"system": ""}


def losing_a_placeholder(_request: Request) -> dict[str, str]:
    return {"repair": "Attempt $number was wrong: $code"}


def respelling_a_placeholder(request: Request) -> dict[str, str]:
    return {"repair": request.components["repair"].replace("$outcome", "{outcome}") + " for $5"}


def inventing_a_component(_request: Request) -> dict[str, str]:
    return {"soul": "Be kind."}


def rambling(_request: Request) -> dict[str, str]:
    return {"system": "x" * 30_000}


@pytest.mark.parametrize(
    ("proposer", "why"),
    [
        ("raising", "failed: ValueError: no idea"),
        ("answering_nonsense", "failed: TypeError"),
        ("saying_nothing", "system refused: the proposal is empty"),
        ("losing_a_placeholder", "repair refused: the placeholder $outcome is missing"),
        ("inventing_a_component", "refused: there is no component 'soul'"),
        ("rambling", "refused: system has 30000 characters"),
    ],
)
def test_a_proposer_that_fails_is_counted_apart_and_the_next_goes_on(
    optimisation: Any, proposer: str, why: str
) -> None:
    name = f"tests.graphs.test_prompt_optimization:{proposer}"
    with optimisation(proposers=[name, PROPOSER], patience=2, iterations=3) as (run, _, services):
        run.drive()
        summary = summary_of(run, services)

        assert summary.iterations[0].why.startswith(why)
        assert summary.failures == 1
        assert summary.iterations[1].proposer == PROPOSER


def test_a_placeholder_in_another_spelling_is_repaired(optimisation: Any) -> None:
    name = "tests.graphs.test_prompt_optimization:respelling_a_placeholder"
    with optimisation(proposers=[name], patience=1, iterations=1) as (run, _, services):
        run.drive()
        [version] = [v for v in services.prompts.versions() if v["author"] == name]

        assert version["components"]["repair"].endswith("${outcome} for $$5")


def test_a_proposer_that_hangs_is_left_behind(optimisation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()
    monkeypatch.setattr("benchmarks.planted.propose_rule", lambda _request: release.wait())
    with optimisation(proposers=[PROPOSER], iterations=1, proposer_timeout_s=0.01) as (run, _, services):
        run.drive()
        release.set()
        assert summary_of(run, services).iterations[0].why == "no answer after 0.01 s"


def test_a_model_that_fails_on_a_twentieth_of_its_calls_leaves_those_tasks_out_and_is_asked_for_them_again(
    optimisation: Any,
) -> None:
    with optimisation(iterations=12, patience=12) as (run, runner, services):
        failed: list[str] = []

        def flaky(specs: Any, phase: str) -> Any:
            lost = [s["episode_id"] for s in specs if Random(f"{s['episode_id']}:{phase}").random() < 0.05]
            failed.extend(lost)
            done = runner([s for s in specs if s["episode_id"] not in lost], phase)
            return {"finished": done["finished"], "unscored": lost}

        run.context = replace(run.context, run_episodes=flaky)
        state = run.drive()
        gates = [record["gate"] for _, _, record in services.optimisations.steps(run.plan.run_id) if record.get("gate")]

        assert len(failed) > 5
        assert state["tally"]["failures"] == 0, "they are no failures of a proposer"
        assert sum(gate["excluded"] for gate in gates) > 0
        assert len(runner.executed) == len(set(runner.executed)), "nothing that has finished is run again"
        assert state["ending"]["reason"] == "12 iterations are done"


def test_a_finished_optimisation_whose_checkpoints_were_pruned_is_read_from_its_record(optimisation: Any) -> None:
    with optimisation(iterations=2) as (run, _, _services):
        first = run.drive()
        run.saver.delete_thread(run.plan.run_id)
    with optimisation(iterations=2) as (run, runner, _services):
        state = run.drive()

        assert (state["ending"], state["spend"]) == (first["ending"], first["spend"])
        assert runner.executed == []


def test_whoever_watches_is_told_candidates_front_score_and_spend(optimisation: Any) -> None:
    told: list[str] = []
    with optimisation(iterations=2) as (run, _, _services):
        run.context = replace(run.context, events=lambda event: told.append(event.get("detail", "")))
        run.drive()

    assert told[0].startswith("iteration 1: 1 candidates, 1 on the front, best validation score 0.")
    assert "; spent 80 rollouts, 24,000 tokens" in told[0]


def test_state_holds_ids_and_counters_only(optimisation: Any) -> None:
    with optimisation(iterations=6, patience=6) as (run, _, _services):
        run.drive()
        saved = run.saver.get_tuple(thread_config(run.plan.run_id, ""))
        assert saved is not None
        text = str(saved.checkpoint["channel_values"])

        assert not any(rule in text for rule in (*GOOD, *HARMFUL))
        assert len(text) < 6_000


def test_the_report_shows_tree_diffs_evidence_and_costs(optimisation: Any, tmp_path: Path) -> None:
    with optimisation(iterations=30, patience=10) as (run, _, services):
        run.drive()
        summary = summary_of(run, services)
        page, piece = optimisation_html(summary, whole=True), summary._repr_html_()

        assert page.startswith("<!doctype html>")
        assert "<html" not in piece
        assert "sequential" not in piece or "alpha" in piece
        for text in ("the child is better: p ", "+- ", "What it cost", summary.candidates[1].prompt_set[:10]):
            assert text in piece


class Forgetful(dict[str, object]):
    """What a process keeps at hand, as if another one began before every node."""

    def __setitem__(self, key: str, value: object) -> None:
        """Keep nothing."""


def test_a_process_that_begins_before_every_node_comes_to_the_same(optimisation: Any) -> None:
    ends, told = [], []
    for home, at_hand in (("whole", {}), ("forgetful", Forgetful())):
        with optimisation(home=home, iterations=8, patience=10) as (run, _, services):
            run.context = replace(run.context, at_hand=at_hand)
            state = run.drive()
            ends.append({name: state[name] for name in ("pool", "tally", "trial", "ending")})
            steps = services.optimisations.steps(run.plan.run_id)
            told.append([(number, kind, {**record, "spend": None}) for number, kind, record in steps])

    assert ends[0] == ends[1]
    assert told[0] == told[1]
    assert len(ends[0]["pool"]) > 1


def test_the_same_seed_ends_in_the_same_pool_and_another_one_elsewhere(optimisation: Any) -> None:
    pools = []
    for home, seed in (("a", 1), ("b", 1), ("c", 2)):
        with optimisation(home=home, seed=seed, iterations=6, patience=6) as (run, _, _services):
            pools.append(run.drive()["pool"])
    assert pools[0] == pools[1]
    assert pools[0] != pools[2]


def test_a_replay_executes_every_node_and_no_rollout_and_finds_no_difference(optimisation: Any, tmp_path: Path) -> None:
    with optimisation(iterations=6, patience=6) as (run, runner, _services):
        run.drive()
        executed = len(runner.executed)

        assert replay_of(run.plan.run_id, tmp_path / "home").is_same
        assert len(runner.executed) == executed


def test_a_fork_goes_on_from_an_iteration_with_the_same_pool_and_leaves_its_origin_alone(optimisation: Any) -> None:
    with optimisation(iterations=4, patience=9) as (run, _, _services):
        origin, first = run.plan.run_id, run.drive()
    with optimisation(iterations=6, patience=9) as (run, _, services):
        fork(run, origin, 3)
        state = run.drive()
        forked, kept = (services.optimisations.steps(one) for one in (run.plan.run_id, origin))

        assert run.plan.run_id != origin
        assert [step[:2] for step in forked[:4]] == [(0, "begin"), *((n, "iteration") for n in (1, 2, 3))]
        assert state["tally"]["iteration"] == 6
        assert kept[-1][2]["promoted"] == first["ending"]["promoted"]


def test_a_fork_from_an_iteration_that_never_was_is_refused(optimisation: Any) -> None:
    with optimisation(iterations=2) as (run, _, _services):
        origin = run.plan.run_id
        run.drive()
    with optimisation(iterations=3) as (run, _, _services), pytest.raises(SetupError, match="has no iteration 7"):
        fork(run, origin, 7)


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("phase", ["begin:validation", "begin:test"])
def test_a_phase_that_breaks_off_is_charged_in_full_once_it_is_tried_again(
    optimisation: Any, phase: str, restarted: bool, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"home": "broken", "iterations": 1, "budget": {"tokens": 10_000_000}}  # charged by pieces
    with optimisation(**given) as (run, runner, _services):
        broken: list[int] = []

        def breaking(specs: Any, now: str) -> Any:
            result = runner(specs, now)
            if now == phase and not broken:
                broken.append(len(specs))
                raise RuntimeError("a piece is done and was not charged")
            return result

        run.context = replace(run.context, run_episodes=breaking)
        with pytest.raises(RuntimeError, match="a piece is done"):
            run.drive()
        state = None if restarted else run.drive()
    with optimisation(**given) as (run, _, _services):
        spend = (state or run.drive())["spend"]

        assert [spend[purpose]["rollouts"] for purpose in ("validation", "test")] == [60, 20]
        assert spend["validation"]["seconds"] == pytest.approx(60 * 0.001)
        assert replay_of(run.plan.run_id, tmp_path / "broken").is_same


def test_an_optimisation_that_breaks_off_again_and_again_ends_in_the_same_pool_and_runs_nothing_twice(
    optimisation: Any,
) -> None:
    with optimisation(home="whole", iterations=5, patience=5) as (run, _, _services):
        whole = run.drive()
    state, executed, _ = driven_in_pieces(optimisation, 3, home="broken", iterations=5, patience=5)

    assert [state[name] for name in ("pool", "tally", "ending")] == [whole[n] for n in ("pool", "tally", "ending")]
    spent, undisturbed = total_spent(state["spend"]), total_spent(whole["spend"])
    same = ("rollouts", "model_calls", "tokens", "cost_usd")
    assert [spent[name] for name in same] == [undisturbed[name] for name in same]
    assert spent["rollouts"] == len(executed)
    assert len(executed) == len(set(executed))
