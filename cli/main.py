"""The `ratchet` command. Heavy modules are imported by the command that needs them, so that help is quick."""

import sys
from typing import Annotated, Any

import typer

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


@app.command()
def run(  # noqa: PLR0913 - one parameter per option
    tasks: Annotated[str, typer.Argument(help="A .jsonl file of tasks, or a bundled set: katas, hard.")],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="offline, recorded:FILE, openai:NAME, anthropic:NAME. [default: offline]"),
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Of an OpenAI-compatible server.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature of the model.")] = None,
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
    memories: Annotated[int | None, typer.Option(help="Memories shown per episode; 0: none. [default: 3]")] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Start with nothing (run), or with what earlier runs remembered (home). [default: run]"),
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(help="A prompt set's id, or a folder of Markdown files. [default: the one in use]")
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
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Solve tasks, learn from them and report. The same command again continues, or shows, the same run."""
    from cli.run import run_tasks

    given: dict[str, Any] = {
        "model": model,
        "base_url": base_url,
        "temperature": temperature,
        "attempts": attempts,
        "repeats": repeats,
        "epochs": epochs,
        "batch_size": batch_size,
        "measure_every": measure_every,
        "memories": memories,
        "memory": memory,
        "prompts": prompts,
        "seed": seed,
        "concurrency": concurrency,
        "limit": limit,
        "splits": split or None,
        "require_isolation": require_isolation,
        "home": home,
    }
    raise typer.Exit(run_tasks(tasks, given, skip_invalid=skip_invalid, as_json=as_json))


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
