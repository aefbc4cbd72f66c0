"""Homes of earlier versions are brought up to date with what they hold."""

from pathlib import Path

from prompts.registry import PromptRegistry, shipped_prompt_set
from storage.engine import open_home
from storage.tables import home_meta


def test_a_home_from_before_prompts_had_evidence_keeps_its_prompts(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    kept = PromptRegistry(home).save(shipped_prompt_set(), author="shipped", parents=[], created_at=1.0)
    with home.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE prompt_sets DROP COLUMN evidence")
        connection.exec_driver_sql("ALTER TABLE failures DROP COLUMN passing")
        for table in ("prompt_choices", "optimisation_steps", "proposals", "model_use", "cached_answers", "traces"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.execute(home_meta.update().values(value="1"))
    home.close()

    registry = PromptRegistry(open_home(tmp_path))
    registry.choose(kept, author="user", now=2.0)

    assert [(v["prompt_set"], v["evidence"]) for v in registry.versions()] == [(kept, {})]
