"""The `ratchet` command. Heavy modules are imported by the command that needs them, so that help is quick."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.checkpoints import app as checkpoints_app
from cli.exits import EXIT_DONE, EXIT_NO_RESULT, EXIT_STOPPED, EXIT_USAGE
from cli.memory import app as memory_app
from cli.options import HomeOption, JsonOption
from cli.prompts import app as prompts_app
from state.errors import BudgetError, RatchetError, SetupError, StoppedError

app = typer.Typer(
    name="ratchet",
    help="A coding agent that measurably gets better at your own tasks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(prompts_app, name="prompts")
app.add_typer(memory_app, name="memory")
app.add_typer(checkpoints_app, name="checkpoints")


ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="offline, recorded:FILE, openai:NAME, anthropic:NAME. [default: offline]"),
]


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


@app.command()
def run(  # noqa: PLR0913 - one parameter per option
    tasks: Annotated[str, typer.Argument(help="A .jsonl file of tasks, or a bundled set: katas, hard.")],
    model: ModelOption = None,
    base_url: Annotated[str | None, typer.Option(help="Of an OpenAI-compatible server.")] = None,
    key_env: Annotated[
        str | None, typer.Option(help="Variable that holds the model's key, where it is not the usual one.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(help="Another model for a role: reflect=MODEL rewrites prompts."),
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature of the model.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Of one answer. [default: the provider's limit]")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Receive answers piece by piece.")] = False,
    retries: Annotated[int | None, typer.Option(help="Tries of a model call after the first. [default: 5]")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(help="At most, to each model.")] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(help="At most, to each model.")] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="US dollars that the run may spend; it stops there and can be continued.")
    ] = None,
    langsmith_dataset: Annotated[
        str | None, typer.Option(help="LangSmith dataset whose examples the traces refer to; it is made if missing.")
    ] = None,
    langsmith_experiment: Annotated[
        str | None, typer.Option(help="Name of the experiment in that dataset. [default: the run]")
    ] = None,
    cache_answers: Annotated[
        bool, typer.Option("--cache-answers", help="Keep answers by what was asked, and ask nothing twice.")
    ] = False,
    attempts: Annotated[
        int | None, typer.Option(help="Programs per episode: the first and its repairs. [default: 3]")
    ] = None,
    repeats: Annotated[int | None, typer.Option(help="Episodes per task, for pass@k. [default: 1]")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the train tasks. [default: 1]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Train tasks per batch. [default: 32]")] = None,
    measure_every: Annotated[
        int | None,
        typer.Option(help="Measure held-out tasks at the start and every n batches; 0: at the end. [default: 0]"),
    ] = None,
    optimise_every: Annotated[
        int | None, typer.Option(help="Optimise prompts every n train episodes; 0: never. [default: 0]")
    ] = None,
    memories: Annotated[int | None, typer.Option(help="Memories shown per episode; 0: none. [default: 3]")] = None,
    recipes: Annotated[
        int | None, typer.Option(help="Repairs of like failures shown with a failure. [default: 0]")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Start with nothing (run), or with what earlier runs remembered (home). [default: run]"),
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(help="A prompt set's id, or a folder of Markdown files. [default: the one in use]")
    ] = None,
    no_memory: Annotated[bool, typer.Option("--no-memory", help="A control: the same as --memories 0.")] = False,
    shuffle_memories: Annotated[
        bool, typer.Option("--shuffle-memories", help="A control: show what the memory holds for another task.")
    ] = False,
    no_skills: Annotated[
        bool, typer.Option("--no-skills", help="A control: leave out the prompt's skill lines.")
    ] = False,
    draw: Annotated[
        str | None,
        typer.Option(help="Train tasks after the first epoch: shuffled, or learnable ones first. [default: shuffled]"),
    ] = None,
    tend_every: Annotated[
        int | None, typer.Option(help="Tend the memory every n train episodes; 0: never. [default: 100]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random draw; another seed is another run.")] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", "-c", help="Episodes at one time. [default: 8]")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first n tasks.")] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="Only this split (train, validation, test); may be repeated.")
    ] = None,
    require_isolation: Annotated[
        str | None, typer.Option(help="Refuse a weaker sandbox than rlimit, landlock or full.")
    ] = None,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Go on without lines that are broken.")] = False,
    ask: Annotated[
        list[str] | None, typer.Option(help="Ask a person before episodes do this: remember. See `ratchet pending`.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Solve tasks, learn from them and report. The same command again continues, or shows, the same run."""
    from cli.run import run_tasks

    if (no_memory and (memories or shuffle_memories)) or (shuffle_memories and memories == 0):
        raise SetupError("--no-memory and --memories 0 show no memories: leave out --memories N and --shuffle-memories")
    given: dict[str, Any] = {
        "model": model,
        "base_url": base_url,
        "key_env": key_env,
        "roles": _roles(role or []),
        "temperature": temperature,
        "max_tokens": max_tokens,
        "stream": stream or None,
        "retries": retries,
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "max_cost_usd": max_cost,
        "cache_answers": cache_answers or None,
        "langsmith_dataset": langsmith_dataset,
        "langsmith_experiment": langsmith_experiment,
        "attempts": attempts,
        "repeats": repeats,
        "epochs": epochs,
        "batch_size": batch_size,
        "measure_every": measure_every,
        "memories": 0 if no_memory else memories,
        "shuffle_memories": shuffle_memories or None,
        "skills": False if no_skills else None,
        "draw": draw,
        "optimise_every": optimise_every,
        "recipes": recipes,
        "memory": memory,
        "prompts": prompts,
        "tend_every": tend_every,
        "seed": seed,
        "concurrency": concurrency,
        "limit": limit,
        "splits": split or None,
        "require_isolation": require_isolation,
        "ask": ask or None,
        "home": home,
    }
    raise typer.Exit(run_tasks(tasks, given, skip_invalid=skip_invalid, as_json=as_json))


def _roles(given: list[str]) -> dict[str, dict[str, str]] | None:
    """Return the models of `--role reflect=MODEL` by role; None when there are none."""
    pairs = [text.partition("=")[::2] for text in given]
    wrong = [text for text, (role, model) in zip(given, pairs, strict=True) if not role or not model]
    if wrong:
        raise SetupError(f"--role {wrong[0]}: write it like --role reflect=openai:gpt-5.2")
    return {role: {"model": model} for role, model in pairs} or None


@app.command()
def propose(  # noqa: PLR0913 - one parameter per option
    known: Annotated[
        list[str] | None, typer.Argument(help="Task files that must not be repeated; katas and hard never are.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=5_000, help="Tasks wanted.")] = 20,
    most: Annotated[int | None, typer.Option(min=1, help="Proposals at most. [default: 20 per task]")] = None,
    tries: Annotated[
        int,
        typer.Option(
            min=0, max=50, help="Solutions asked for per task: one that none or all solve is refused; 0: any."
        ),
    ] = 4,
    model: ModelOption = None,
    base_url: Annotated[str | None, typer.Option(help="Of an OpenAI-compatible server.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature of the model.")] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Build upon nothing (run), or upon what runs of this home remembered (home). [default: run]"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random draw; another seed is another series.")] = None,
    out: Annotated[Path | None, typer.Option(help="Task file to write. [default: in the home]")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a model invent tasks: run, new, told apart by their examples, neither too easy nor too hard."""
    from batch.proposals import Wanted
    from cli.propose import PROPOSALS_PER_TASK
    from cli.propose import propose as propose_series

    given: dict[str, Any] = {
        "model": model,
        "base_url": base_url,
        "temperature": temperature,
        "memory": memory,
        "seed": seed,
        "home": home,
    }
    wanted = Wanted(count=count, most=most or PROPOSALS_PER_TASK * count, tries=tries)
    raise typer.Exit(propose_series(wanted, given, known or [], out=out, as_json=as_json))


@app.command()
def optimise(  # noqa: PLR0913 - one parameter per option
    tasks: Annotated[str, typer.Argument(help="A .jsonl file of tasks, or a bundled set: katas, hard.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model whose prompts these are.")] = None,
    proposing_model: Annotated[str | None, typer.Option(help="Model that proposes. [default: the same]")] = None,
    base_url: Annotated[str | None, typer.Option(help="Of an OpenAI-compatible server.")] = None,
    proposer: Annotated[
        list[str] | None,
        typer.Option(help="skill_lines, rewrite, contrast, merge, drop_lines or module:function; in this order."),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(help="NAME=NUMBER; rollouts, model_calls, tokens, cost_usd, seconds. May be repeated."),
    ] = None,
    iterations: Annotated[int | None, typer.Option(help="At most. [default: 40]")] = None,
    target: Annotated[float | None, typer.Option(help="Mean validation score at which to stop.")] = None,
    attempts: Annotated[int | None, typer.Option(help="Programs per rollout. [default: 3]")] = None,
    prompts: Annotated[
        str | None, typer.Option(help="A prompt set's id, or a folder of Markdown files. [default: the one in use]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random draw.")] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", "-c", help="Rollouts at one time. [default: 8]")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first n tasks.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take; run nothing.")] = False,
    fork: Annotated[
        str, typer.Option(help="OPTIMISATION:ITERATION; continue its pool from there, say with another --seed.")
    ] = "",
    replay: Annotated[bool, typer.Option("--replay", help="Decide again from what was recorded; run nothing.")] = False,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Go on without lines that are broken.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Optimise prompts: train tasks teach, validation tasks decide, test tasks are only measured."""
    from cli.optimise import Wish, budget_of, optimise_prompts

    optimiser = {
        "proposers": proposer or None,
        "budget": budget_of(budget) if budget else None,
        "iterations": iterations,
        "target": target,
    }
    given: dict[str, Any] = {
        "model": model,
        "base_url": base_url,
        "attempts": attempts,
        "prompts": prompts,
        "seed": seed,
        "concurrency": concurrency,
        "limit": limit,
        "home": home,
        "optimiser": {name: value for name, value in optimiser.items() if value is not None} or None,
        "roles": {"reflect": {"model": proposing_model}} if proposing_model else None,
    }
    wish = Wish(dry_run=dry_run, replay=replay, fork=fork, skip_invalid=skip_invalid, as_json=as_json)
    raise typer.Exit(optimise_prompts(tasks, given, wish))


@app.command()
def runs(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the runs of a home, the newest first."""
    from cli.show import list_runs

    list_runs(home, as_json=as_json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A run, or the beginning of an episode's id.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run's report, or the story of an episode."""
    from cli.show import show_one

    show_one(name, home, as_json=as_json)


@app.command()
def trace(
    name: Annotated[str, typer.Argument(help="The beginning of an episode's id, or a run.")],
    otel: Annotated[Path | None, typer.Option(help="Write the spans as OpenTelemetry JSON to this file.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Send a run's traces that LangSmith did not get.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an episode as a tree of spans: nodes, model calls, tokens, times."""
    from cli.trace import trace_one

    trace_one(name, home, otel=otel, send=send, as_json=as_json)


@app.command()
def replay(
    name: Annotated[str, typer.Argument(help="A run, or the beginning of an episode's id.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Execute a saved episode or run again from its recorded answers; say what differs, node by node."""
    from cli.replay import replay_one

    raise typer.Exit(replay_one(name, home, as_json=as_json))


@app.command()
def fork(  # noqa: PLR0913 - one parameter per option
    episode: Annotated[str, typer.Argument(help="The beginning of an episode's id, or a fork.")],
    at: Annotated[
        str | None, typer.Option("--from", help="Node that runs again first; generate:2 is its second turn.")
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, such as code=@fixed.py; may be repeated.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Another model.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Of an OpenAI-compatible server.")] = None,
    prompts: Annotated[str | None, typer.Option(help="A prompt set's id, or a folder of NAME.md files.")] = None,
    memory_snapshot: Annotated[
        str | None, typer.Option(help="What it may remember: none, home, a run, or run-1a2b@3 (before its batch 3).")
    ] = None,
    teach: Annotated[bool, typer.Option("--teach", help="Remember what the fork learns, for later runs.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Branch an episode at any node with something changed, and show it beside its original, which stays as it is."""
    from cli.replay import fork_one
    from workbench.edits import parse_edits
    from workbench.fork import Changes

    changes = Changes(
        model=model,
        base_url=base_url,
        prompts=prompts,
        memory_snapshot=memory_snapshot,
        state=parse_edits(state or []),
    )
    fork_one(episode, home, changes, at=at, teach=teach, as_json=as_json)


@app.command()
def pending(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the episodes that wait for a person's answer (`ratchet run --ask remember`)."""
    from cli.answer import list_pending

    list_pending(home, as_json=as_json)


@app.command()
def answer(
    episode: Annotated[str, typer.Argument(help="The beginning of an episode's id.")],
    approve: Annotated[bool, typer.Option("--approve", help="It may be remembered.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="It counts, and is not remembered.")] = False,
    edit: Annotated[
        list[str] | None, typer.Option("--edit", help="key=value, such as reward.total=0.5: approve with a change.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer an episode that waits, and bring it to its end."""
    from cli.answer import answer_one

    answer_one(episode, home, approve=approve, reject=reject, edits=edit or [], as_json=as_json)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A run, or the beginning of an episode's id.")],
    second: Annotated[str, typer.Argument(help="Another one.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show two episodes side by side, or two runs on the tasks that they have in common."""
    from cli.replay import compare_two

    compare_two(first, second, home, as_json=as_json)


@app.command()
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say what works on this machine: Python, the home, the sandbox's layers, models."""
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
