"""`ratchet prompts`, as a user types it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.prompts import app
from prompts.registry import shipped_prompt_set

SHIPPED = shipped_prompt_set()["prompt_set"]


@pytest.fixture
def prompts(tmp_path: Path) -> Callable[..., str]:
    """Run a subcommand on one home and return what it prints."""

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home")], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_prompts_are_exported_edited_imported_compared_and_rolled_back(
    prompts: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    prompts("export", str(folder))
    (folder / "skills.md").write_text("- sort first\n", encoding="utf-8")
    mine = prompts("import", str(folder), "--use").strip()

    assert "+- sort first" in prompts("diff", "shipped")
    assert "skills" in prompts("show")
    assert f"*  {mine[:10]}  user" in prompts("list")
    assert f"new runs use {SHIPPED[:10]} instead of {mine[:10]}" in prompts("rollback")
    assert "no difference" in prompts("diff", "shipped")
    assert f"new runs use {mine[:10]}" in prompts("use", mine[:6])
