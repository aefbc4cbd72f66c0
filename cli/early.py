"""What a command can find wrong before it imports what takes seconds: settings, models' names, task files."""

import sys

import typer

from cli.options import given_in, spelled_in
from models.names import address_of, check_model
from rewards.combine import RewardTable
from runtime.settings import Settings, load_settings
from state.errors import SetupError
from state.optimization import RESOURCES
from state.role import ROLES
from tasks.load import LoadedTasks, load_tasks, resolve_tasks

# Options whose setting has another name, or lies in a table.
SETTING_OF = {
    "role": "roles",
    "proposing_model": "roles",
    "proposers": "optimiser.proposers",
    "iterations": "optimiser.iterations",
    "target": "optimiser.target",
    "spending": "optimiser.budget",
}


def settings_of(ctx: typer.Context, **also: object) -> Settings:
    """Return the settings with the command's options over them.

    also: settings that are made of several options; None: not given.
    Raises SetupError for values that cannot be, unknown models, missing keys.
    """
    given = {name: value for name, value in given_in(ctx).items() if name in Settings.model_fields}
    spelled = {SETTING_OF.get(name, name): option for name, option in spelled_in(ctx).items()}
    settings = load_settings(spelled=spelled, **(given | also))
    for model in map(settings.model_for, ROLES):
        check_model(model.model, address_of(model.model, model.base_url), model.key_env)
    RewardTable(settings.rewards)
    return settings


def loaded_tasks(name: str, *, skip_invalid: bool = False) -> LoadedTasks:
    """Read a task file, and say which lines were skipped; raises SetupError for one that cannot be used."""
    loaded = load_tasks(resolve_tasks(name), skip_invalid=skip_invalid)
    for problem in loaded.skipped:
        print(f"skipped: {problem}", file=sys.stderr)
    return loaded


def controls(ctx: typer.Context) -> dict[str, object]:
    """Return the settings of --no-memory and --no-skills; raises SetupError for what contradicts them."""
    given = given_in(ctx)
    if given.get("no_memory") or given.get("memories") == 0:
        clashing = {"memory": "--memory", "shuffle_memories": "--shuffle-memories"}
        clashing |= {"memories": "--memories"} if given.get("no_memory") else {}
        shows = "--no-memory shows" if given.get("no_memory") else "--memories 0 shows"
        for name, option in clashing.items():
            if given.get(name):
                raise SetupError(f"{shows} no memories, which contradicts {option}: leave one of them out")
    found: dict[str, object] = {"memories": 0} if given.get("no_memory") else {}
    return found | ({"skills": False} if given.get("no_skills") else {})


def roles(given: list[str]) -> dict[str, dict[str, str]] | None:
    """Return the models of `--role reflect=MODEL` by role; None when there are none."""
    pairs = [text.partition("=")[::2] for text in given]
    wrong = [text for text, (role, model) in zip(given, pairs, strict=True) if not role or not model]
    if wrong:
        raise SetupError(f"--role {wrong[0]}: write it like --role reflect=openai:gpt-5.2")
    return {role: {"model": model} for role, model in pairs} or None


def optimiser(ctx: typer.Context, spending: list[str]) -> dict[str, object] | None:
    """Return the optimiser's settings among the options; None when there are none."""
    given = {name: value for name, value in given_in(ctx).items() if name in ("proposers", "iterations", "target")}
    return given | ({"budget": budget_of(spending)} if spending else {}) or None


def budget_of(limits: list[str]) -> dict[str, float]:
    """Read NAME=NUMBER; raises SetupError that says how it is written."""
    found = {}
    for limit in limits:
        name, _, number = limit.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError as error:
            known = ", ".join(RESOURCES)
            raise SetupError(f"--budget {limit!r}: write it as rollouts=500; there are {known}") from error
        if name.strip() not in RESOURCES:
            raise SetupError(f"--budget {limit!r}: no such resource; there are {', '.join(RESOURCES)}")
    return found
