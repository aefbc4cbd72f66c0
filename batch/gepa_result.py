"""The pool of an optimisation in the shape of gepa's result, for its tools: candidate tree, plots, comparisons."""

from batch.optimisation_summary import begun
from checkpoints.ledger import Ledger
from checkpoints.optimisations import OptimisationLog
from optimization.pareto import mean_scores, pareto_fronts
from prompts.registry import PromptRegistry
from state.json_values import JsonMapping, JsonObject

SCHEMA_VERSION = 2  # of gepa 0.1


def gepa_result(ledger: Ledger, log: OptimisationLog, prompts: PromptRegistry, run_id: str) -> JsonObject:
    """Return what `gepa.core.result.GEPAResult.from_dict` reads: JSON values, candidates in the order of the pool.

    Metric calls are the rollouts on train and validation tasks that were paid for; those that the ledger had are none.
    Of an optimisation that goes on it is the pool so far. Raises SetupError when there is none, or it has not begun.
    """
    run, steps = begun(ledger, log, run_id)
    first = {**steps[0][2], "child": steps[0][2]["prompt_set"], "parents": [None]}
    pool = [first, *(record for _, kind, record in steps if kind == "iteration" and record.get("validation"))]
    scores: list[dict[str, float]] = [record["validation"] for record in pool]
    means = mean_scores(scores)
    return {
        "candidates": [prompts.get(record["child"])["components"] for record in pool],
        "parents": [record["parents"] for record in pool],
        "val_aggregate_scores": means,
        "val_subscores": scores,
        "per_val_instance_best_candidates": pareto_fronts(scores),
        "discovery_eval_counts": [0, *(_metric_calls(record) for record in pool[1:])],
        "total_metric_calls": _metric_calls(steps[-1][2]),
        "num_full_val_evals": len(pool),
        "best_idx": means.index(max(means)),
        "best_outputs_valset": None,
        "val_aggregate_subscores": None,
        "per_objective_best_candidates": None,
        "objective_pareto_front": None,
        "run_dir": None,
        "seed": run["settings"]["seed"],
        "_str_candidate_key": None,
        "validation_schema_version": SCHEMA_VERSION,
    }


def _metric_calls(record: JsonMapping) -> int:
    return int(sum(line.get("rollouts", 0) for purpose, line in record["spend"].items() if purpose != "test"))
