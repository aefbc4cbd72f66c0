"""The `ratchet` command. Heavy modules are imported by the command that needs them, so that help is quick."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.checkpoints import app as checkpoints_app
from cli.database import app as database_app
from cli.exits import EXIT_DONE, EXIT_NO_RESULT, EXIT_STOPPED, EXIT_USAGE
from cli.memory import app as memory_app
from cli.options import (
    PLAIN_WIDTH,
    ActorsOption,
    AskOption,
    AttemptsOption,
    BaseUrlOption,
    BatchSizeOption,
    BudgetOption,
    CacheAnswersOption,
    ConcurrencyOption,
    DrawOption,
    DryRunOption,
    EngineOption,
    EpochsOption,
    ForkOption,
    HomeOption,
    IterationsOption,
    JsonOption,
    KeyEnvOption,
    LangsmithDatasetOption,
    LangsmithExperimentOption,
    LimitOption,
    MaxCostOption,
    MaxTokensOption,
    MeasureEveryOption,
    MemoriesOption,
    MemoryOption,
    ModelOption,
    NoMemoryOption,
    NoSkillsOption,
    OptimiseEveryOption,
    PanelCommand,
    PerMinuteOption,
    PromptsOption,
    ProposersOption,
    ProposingModelOption,
    RayAddressOption,
    RecipesOption,
    RepeatsOption,
    ReplayOption,
    RequireIsolationOption,
    RetriesOption,
    RoleOption,
    RunOrEpisodeArgument,
    SeedOption,
    ShuffleMemoriesOption,
    SkipInvalidOption,
    SplitsOption,
    StreamOption,
    TargetOption,
    TasksArgument,
    TemperatureOption,
    TendEveryOption,
)
from cli.prompts import app as prompts_app
from state.errors import BudgetError, RatchetError, SetupError, StoppedError

app = typer.Typer(
    name="ratchet",
    help="A coding agent that measurably gets better at your own tasks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": PLAIN_WIDTH},
)
app.add_typer(prompts_app, name="prompts")
app.add_typer(memory_app, name="memory")
app.add_typer(checkpoints_app, name="checkpoints")
app.add_typer(database_app, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"ratchet {version('ratchet')}")
        raise typer.Exit


@app.callback(help=app.info.help)
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Answer what is asked of the program itself."""


@app.command(cls=PanelCommand)
def run(
    ctx: typer.Context,
    tasks: TasksArgument,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    key_env: KeyEnvOption = None,
    role: RoleOption = None,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = None,
    stream: StreamOption = False,
    retries: RetriesOption = None,
    requests_per_minute: PerMinuteOption = None,
    tokens_per_minute: PerMinuteOption = None,
    max_cost_usd: MaxCostOption = None,
    cache_answers: CacheAnswersOption = False,
    limit: LimitOption = None,
    splits: SplitsOption = None,
    repeats: RepeatsOption = None,
    skip_invalid: SkipInvalidOption = False,
    attempts: AttemptsOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    draw: DrawOption = None,
    measure_every: MeasureEveryOption = None,
    optimise_every: OptimiseEveryOption = None,
    tend_every: TendEveryOption = None,
    seed: SeedOption = None,
    concurrency: ConcurrencyOption = None,
    engine: EngineOption = None,
    ray_address: RayAddressOption = None,
    actors: ActorsOption = None,
    memory: MemoryOption = None,
    memories: MemoriesOption = None,
    recipes: RecipesOption = None,
    prompts: PromptsOption = None,
    no_memory: NoMemoryOption = False,
    shuffle_memories: ShuffleMemoriesOption = False,
    no_skills: NoSkillsOption = False,
    require_isolation: RequireIsolationOption = None,
    ask: AskOption = None,
    langsmith_dataset: LangsmithDatasetOption = None,
    langsmith_experiment: LangsmithExperimentOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Solve tasks, learn from them and report. The same command again continues, or shows, the same run."""
    from cli.early import controls, loaded_tasks, roles, settings_of

    settings = settings_of(ctx, roles=roles(role or []), **controls(ctx))
    loaded = loaded_tasks(tasks, skip_invalid=skip_invalid)
    from cli.run import run_tasks  # seconds: mistakes are told before

    raise typer.Exit(run_tasks(tasks, settings, loaded, as_json=as_json))


@app.command(cls=PanelCommand)
def propose(
    ctx: typer.Context,
    known: Annotated[
        list[str] | None, typer.Argument(help="Task files that must not be repeated; katas and hard never are.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=5_000, help="Tasks wanted.")] = 20,
    most: Annotated[int | None, typer.Option(min=1, help="Proposals at most. [default: 20 per task]")] = None,
    tries: Annotated[
        int, typer.Option(min=0, max=50, help="Solutions asked for per task; one that none or all solve is refused.")
    ] = 4,
    out: Annotated[Path | None, typer.Option(help="Task file to write. [default: in the home]")] = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    temperature: TemperatureOption = None,
    memory: MemoryOption = None,
    seed: SeedOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a model invent new tasks. Kept are those that run and are neither too easy nor too hard."""
    from cli.early import loaded_tasks, settings_of

    settings = settings_of(ctx)
    for name in known or []:
        loaded_tasks(name)
    from batch.proposals import Wanted
    from cli.propose import PROPOSALS_PER_TASK
    from cli.propose import propose as propose_series

    wanted = Wanted(count=count, most=most or PROPOSALS_PER_TASK * count, tries=tries)
    raise typer.Exit(propose_series(wanted, settings, known or [], out=out, as_json=as_json))


@app.command(cls=PanelCommand)
def optimise(
    ctx: typer.Context,
    tasks: TasksArgument,
    model: ModelOption = None,
    proposing_model: ProposingModelOption = None,
    base_url: BaseUrlOption = None,
    limit: LimitOption = None,
    skip_invalid: SkipInvalidOption = False,
    proposers: ProposersOption = None,
    spending: BudgetOption = None,
    iterations: IterationsOption = None,
    target: TargetOption = None,
    attempts: AttemptsOption = None,
    seed: SeedOption = None,
    concurrency: ConcurrencyOption = None,
    engine: EngineOption = None,
    ray_address: RayAddressOption = None,
    actors: ActorsOption = None,
    prompts: PromptsOption = None,
    ask: AskOption = None,
    dry_run: DryRunOption = False,
    fork: ForkOption = "",
    replay: ReplayOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Optimise the prompts, on evidence. Train tasks teach, validation tasks decide, test tasks are only measured."""
    from cli.early import loaded_tasks, optimiser, settings_of

    reflecting = {"reflect": {"model": proposing_model}} if proposing_model else None
    settings = settings_of(ctx, roles=reflecting, optimiser=optimiser(ctx, spending or []))
    loaded = loaded_tasks(tasks, skip_invalid=skip_invalid)
    from cli.optimise import Wish, optimise_prompts

    wish = Wish(dry_run=dry_run, replay=replay, fork=fork, as_json=as_json)
    raise typer.Exit(optimise_prompts(tasks, settings, loaded, wish))


@app.command(cls=PanelCommand)
def runs(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the runs of a home, the newest first."""
    from cli.show import list_runs

    list_runs(home, as_json=as_json)


@app.command(cls=PanelCommand)
def show(
    name: RunOrEpisodeArgument,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run's report, or the story of an episode."""
    from cli.show import show_one

    show_one(name, home, as_json=as_json)


@app.command(cls=PanelCommand)
def trace(
    name: Annotated[str, typer.Argument(help="The beginning of an episode's id, or a run.")],
    otel: Annotated[Path | None, typer.Option(help="Write the spans as OpenTelemetry JSON to this file.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Send a run's traces that LangSmith did not get.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an episode as a tree of spans. They are nodes and model calls, with tokens and times."""
    from cli.trace import trace_one

    trace_one(name, home, otel=otel, send=send, as_json=as_json)


@app.command(cls=PanelCommand)
def replay(
    name: RunOrEpisodeArgument,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Execute a saved episode or run again, and say what differs. Model answers come from the record."""
    from cli.replay import replay_one

    raise typer.Exit(replay_one(name, home, as_json=as_json))


@app.command(cls=PanelCommand)
def fork(
    name: RunOrEpisodeArgument,
    at_batch: Annotated[
        int | None, typer.Option(help="Of a run: how many of its train batches the fork keeps.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--from", help="Node that runs again first; generate:2 is its second turn.")
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Such as code=@fixed.py; may be repeated.")
    ] = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    prompts: Annotated[str | None, typer.Option(help="A prompt set's id, or a folder of NAME.md files.")] = None,
    memory_snapshot: Annotated[
        str | None, typer.Option(help="What it may remember: none, home, a run, or run-1a2b@3 (before its batch 3).")
    ] = None,
    teach: Annotated[bool, typer.Option("--teach", help="Remember what the fork learns, for later runs.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Branch an episode or a run with something changed. The original stays as it is."""
    from cli.replay import fork_learning, fork_one
    from workbench.edits import parse_edits
    from workbench.fork import Changes

    changes = Changes(
        model=model,
        base_url=base_url,
        prompts=prompts,
        memory_snapshot=memory_snapshot,
        state=parse_edits(state or []),
    )
    if not name.startswith("run-"):
        if at_batch is not None:
            raise SetupError(f"--at-batch is for runs, and {name} is none: --from says where an episode's fork begins")
        return fork_one(name, home, changes, at=at, teach=teach, as_json=as_json)
    if at is not None or teach:
        raise SetupError("--from and --teach are for episodes: --at-batch says where a run's fork begins")
    raise typer.Exit(fork_learning(name, home, changes, at_batch=at_batch, as_json=as_json))


@app.command(cls=PanelCommand)
def pending(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List what waits for a person. It comes from `--ask remember` and `--ask promote`."""
    from cli.answer import list_pending

    list_pending(home, as_json=as_json)


@app.command(cls=PanelCommand)
def answer(
    name: Annotated[str, typer.Argument(help="The beginning of an episode's id, or of an optimisation's.")],
    approve: Annotated[bool, typer.Option("--approve", help="It may be remembered, or promoted.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="It counts, and is not remembered or promoted.")] = False,
    edit: Annotated[
        list[str] | None,
        typer.Option("--edit", metavar="KEY=VALUE", help="Approve with a change, such as reward.total=0.5."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer what waits for a person, and bring it to its end."""
    from cli.answer import answer_one

    answer_one(name, home, approve=approve, reject=reject, edits=edit or [], as_json=as_json)


@app.command(cls=PanelCommand)
def compare(
    first: RunOrEpisodeArgument,
    second: Annotated[str, typer.Argument(help="Another one.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show two episodes, or two runs, side by side. Runs are compared on the tasks that they have in common."""
    from cli.replay import compare_two

    compare_two(first, second, home, as_json=as_json)


@app.command(cls=PanelCommand)
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say what works on this machine. It looks at Python, the home, the sandbox's layers and models."""
    from cli.doctor import examine_machine

    raise typer.Exit(examine_machine(home, as_json=as_json))


def main() -> None:
    """Run the command line; errors become one clear message on stderr and an exit code."""
    try:
        app()
    except BudgetError as error:
        print(f"stopped: {error}", file=sys.stderr)
        sys.exit(EXIT_NO_RESULT)
    except StoppedError as error:
        print(f"\n{error}", file=sys.stderr)
        sys.exit(EXIT_STOPPED)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except RatchetError as error:
        print(f"error: {error}\nWhat has finished is saved: run the same command again to continue", file=sys.stderr)
        sys.exit(EXIT_NO_RESULT)
    except BrokenPipeError:
        # the reader of our output went away (`ratchet runs | head`): nothing is wrong
        sys.stderr.close()
        sys.exit(EXIT_DONE)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        print(f"error: {error.strerror or error}:{where}. What has finished is saved", file=sys.stderr)
        sys.exit(EXIT_USAGE)
