"""A home opened to look at: its ledger, its checkpoints, and the services that replay and fork need."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from checkpoints.ledger import Ledger
from checkpoints.savers import Saver, close_saver, open_saver, threads_beginning
from models.roles import Models
from rewards.combine import RewardTable
from runtime.build import Services, open_services
from runtime.context import SERVICES, Context
from runtime.homes import home_of, known_home_of
from runtime.settings import Settings, load_settings
from state.episode import EpisodeSpec
from state.errors import SetupError
from state.json_values import JsonMapping
from state.ledger import RunRow
from storage.contents import ContentStore
from storage.engine import Home
from workbench.html import page, table


class Workbench:
    """A home and what can be done with what it holds. Close it, or use it in a with statement.

    home: the folder; None: from the settings, or .ratchet. create: make the home where there is none.
    Raises SetupError when there is no home.
    """

    def __init__(self, home: Path | str | None = None, *, create: bool = False) -> None:
        settings = load_settings(home=home)
        self.folder = settings.home
        self.home: Home = home_of(settings) if create else known_home_of(settings)
        self.ledger = Ledger(self.home)
        self.contents = ContentStore(self.home)

    def __enter__(self) -> "Workbench":
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _repr_html_(self) -> str:
        rows = [
            [
                run["run_id"],
                run["status"],
                run["settings"]["task_file"],
                run["settings"]["model"],
                run["settings"]["seed"],
            ]
            for run in self.ledger.runs()
        ]
        return page(f"{len(rows)} runs", table(["run", "status", "tasks", "model", "seed"], rows) if rows else "")

    @cached_property
    def saver(self) -> Saver:
        """The home's checkpoints."""
        return open_saver(self.home)

    @cached_property
    def services(self) -> Services:
        """Sandbox, memory, prompts of this home, with a model that needs no key: callers put in their own."""
        return open_services(load_settings(home=self.folder, model="offline", roles={}))

    def thread_of(self, name: str) -> str:
        """Return the whole id of an episode, finished or not, whose id begins so.

        Raises SetupError when the home has none, or several.
        """
        row = self.ledger.episode(name)
        if row is not None:
            return row["episode_id"]
        found = threads_beginning(self.saver, name, 2) if name else []
        if len(found) > 1 and name not in found:
            raise SetupError(f"several threads begin with {name!r}: give more of the id")
        if not found:
            raise SetupError(f"no run and no episode {name!r} in {self.folder}; `ratchet runs` lists the runs")
        return str(name if name in found else found[0])

    def optimisation_thread(self, name: str) -> str:
        """Return the thread of an optimisation: its own, or that of a period of the learning run that it is part of.

        Raises SetupError when the home has no such optimisation, or several.
        """
        row = self.ledger.run(name)
        if row is None:
            raise SetupError(f"no optimisation {name!r} in {self.folder}; `ratchet runs` lists them")
        what, _, of = str(row["settings"]["task_file"]).partition(" ")
        run_id, _, episodes = of.partition(":")
        if what == "optimises" and run_id.startswith("run-") and episodes.isdigit():
            return f"{run_id}:optimise_prompts:{int(episodes):06d}"
        return row["run_id"]

    def run_of(self, name: str) -> RunRow | None:
        """Return the run of this name, or None when it names none."""
        return self.ledger.run(name) if name.startswith("run-") else None

    def settings_of(self, run_id: str, changes: JsonMapping | None = None) -> Settings:
        """Return the settings that a run had, as far as this version knows them; the defaults for an unknown run."""
        row = self.ledger.run(run_id) if run_id else None
        saved = dict(row["settings"]) if row else {}
        if "model" in saved:
            saved["model"] = model_name(saved["model"])
        known = {name: value for name, value in saved.items() if name in Settings.model_fields}
        return load_settings(**{**known, "home": self.folder, **(changes or {})})

    def context(self, settings: Settings, models: Models, **others: Any) -> Context:
        """Return the context of a node: this home's services, with other settings and models."""
        common: dict[str, Any] = {name: getattr(self.services, name) for name in SERVICES}
        context = Context(**common)
        return replace(context, settings=settings, models=models, rewards=RewardTable(settings.rewards), **others)

    def close(self) -> None:
        """Close the databases and end the workers that were started."""
        if "services" in self.__dict__:
            self.__dict__.pop("services").close()
        if "saver" in self.__dict__:
            close_saver(self.__dict__.pop("saver"))
        self.home.close()


def model_name(model_id: str) -> str:
    """Return the name under which a model is made, from what tells its answers from another's."""
    return model_id.split(" ", 1)[0]


def spec_of(state: JsonMapping) -> EpisodeSpec:
    """Return what an episode is about, from any of its states; raises SetupError when the thread is no episode."""
    if "episode" not in state:
        raise SetupError("that is no episode: runs and episodes can be replayed, and episodes forked")
    spec: EpisodeSpec = state["episode"]
    return spec
