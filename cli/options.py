"""Options that several commands share, under the headings that help shows them, and how they become settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand, TyperOption

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

MODEL, TASKS, LOOP, MEMORY = "Model", "Tasks", "Learning loop", "Memory and prompts"
OPTIMISER, SANDBOX, TRACES = "Optimiser", "Sandbox and people", "Traces"
PLAIN_WIDTH = 110  # columns that help fills where the terminal has them

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder for everything that is kept. [default: .ratchet]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of tables.")]

TasksArgument = Annotated[str, typer.Argument(help="A .jsonl file of tasks, or a bundled set: katas, hard.")]
RunOrEpisodeArgument = Annotated[str, typer.Argument(help="A run, or the beginning of an episode's id.")]

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="offline, recorded:FILE, openai:NAME, anthropic:NAME. [default: offline]",
        rich_help_panel=MODEL,
    ),
]
BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", help="Of an OpenAI-compatible server.", rich_help_panel=MODEL)
]
KeyEnvOption = Annotated[
    str | None,
    typer.Option(help="Variable that holds the model's key, where it is not the usual one.", rich_help_panel=MODEL),
]
RoleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="ROLE=MODEL",
        help="A model for a role: reflect=MODEL rewrites prompts, review=MODEL reviews programs.",
        rich_help_panel=MODEL,
    ),
]
TemperatureOption = Annotated[float | None, typer.Option(help="Sampling temperature, 0 to 2.", rich_help_panel=MODEL)]
MaxTokensOption = Annotated[
    int | None, typer.Option(help="Of one answer. [default: the provider's limit]", rich_help_panel=MODEL)
]
StreamOption = Annotated[bool, typer.Option("--stream", help="Receive answers piece by piece.", rich_help_panel=MODEL)]
RetriesOption = Annotated[
    int | None, typer.Option(help="Tries of a model call after the first. [default: 5]", rich_help_panel=MODEL)
]
PerMinuteOption = Annotated[int | None, typer.Option(help="At most, to each model.", rich_help_panel=MODEL)]
MaxCostOption = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        help="US dollars that the run may spend; it stops there and can be continued.",
        rich_help_panel=MODEL,
    ),
]
CacheAnswersOption = Annotated[
    bool,
    typer.Option(
        "--cache-answers", help="Keep answers by what was asked, and ask nothing twice.", rich_help_panel=MODEL
    ),
]

LimitOption = Annotated[int | None, typer.Option(help="Only the first n tasks.", rich_help_panel=TASKS)]
SplitsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--split",
        metavar="SPLIT",
        help="Only this split (train, validation, test); may be repeated.",
        rich_help_panel=TASKS,
    ),
]
SkipInvalidOption = Annotated[
    bool, typer.Option("--skip-invalid", help="Go on without lines that are broken.", rich_help_panel=TASKS)
]
RepeatsOption = Annotated[
    int | None, typer.Option(help="Episodes per task, for pass@k. [default: 1]", rich_help_panel=TASKS)
]

AttemptsOption = Annotated[
    int | None,
    typer.Option(help="Programs per episode: the first and its repairs. [default: 3]", rich_help_panel=LOOP),
]
EpochsOption = Annotated[
    int | None, typer.Option(help="Passes over the train tasks. [default: 1]", rich_help_panel=LOOP)
]
BatchSizeOption = Annotated[int | None, typer.Option(help="Train tasks per batch. [default: 32]", rich_help_panel=LOOP)]
DrawOption = Annotated[
    str | None,
    typer.Option(
        help="Train tasks after the first epoch: shuffled, or learnable ones first. [default: shuffled]",
        rich_help_panel=LOOP,
    ),
]
MeasureEveryOption = Annotated[
    int | None,
    typer.Option(
        help="Measure held-out tasks at the start and every n batches; 0: at the end. [default: 0]",
        rich_help_panel=LOOP,
    ),
]
OptimiseEveryOption = Annotated[
    int | None,
    typer.Option(help="Optimise prompts every n train episodes; 0: never. [default: 0]", rich_help_panel=LOOP),
]
TendEveryOption = Annotated[
    int | None,
    typer.Option(help="Tend the memory every n train episodes; 0: never. [default: 100]", rich_help_panel=LOOP),
]
SeedOption = Annotated[
    int | None, typer.Option(help="Of every random draw; another seed is another run.", rich_help_panel=LOOP)
]
ConcurrencyOption = Annotated[
    int | None,
    typer.Option("--concurrency", "-c", help="Episodes at one time. [default: 8]", rich_help_panel=LOOP),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        help="Where episodes run: local (threads), ray (processes, on this machine or a cluster). [default: local]",
        rich_help_panel=LOOP,
    ),
]
RayAddressOption = Annotated[
    str | None,
    typer.Option(
        help="Of a Ray cluster: auto, or host:6379. [default: Ray is started here for the run]", rich_help_panel=LOOP
    ),
]
ActorsOption = Annotated[
    int | None,
    typer.Option(help="Processes on Ray. [default: one per CPU of the cluster]", rich_help_panel=LOOP),
]

MemoryOption = Annotated[
    str | None,
    typer.Option(
        help="Begin with nothing (run), or with what earlier runs of this home remembered (home). [default: run]",
        rich_help_panel=MEMORY,
    ),
]
MemoriesOption = Annotated[
    int | None, typer.Option(help="Memories shown per episode; 0: none. [default: 3]", rich_help_panel=MEMORY)
]
RecipesOption = Annotated[
    int | None,
    typer.Option(help="Repairs of like failures shown with a failure. [default: 0]", rich_help_panel=MEMORY),
]
PromptsOption = Annotated[
    str | None,
    typer.Option(
        help="A prompt set's id, or a folder of Markdown files. [default: the one in use]", rich_help_panel=MEMORY
    ),
]
NoMemoryOption = Annotated[
    bool, typer.Option("--no-memory", help="A control: the same as --memories 0.", rich_help_panel=MEMORY)
]
ShuffleMemoriesOption = Annotated[
    bool,
    typer.Option(
        "--shuffle-memories", help="A control: show what the memory holds for another task.", rich_help_panel=MEMORY
    ),
]
NoSkillsOption = Annotated[
    bool,
    typer.Option("--no-skills", help="A control: leave out the prompt's skill lines.", rich_help_panel=MEMORY),
]

RequireIsolationOption = Annotated[
    str | None,
    typer.Option(help="Refuse a weaker sandbox than rlimit, landlock or full.", rich_help_panel=SANDBOX),
]
AskOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NODE",
        help="Ask a person first: remember (episodes), promote (prompts). See `ratchet pending`.",
        rich_help_panel=SANDBOX,
    ),
]

LangsmithDatasetOption = Annotated[
    str | None,
    typer.Option(
        help="LangSmith dataset whose examples the traces refer to; it is made if missing.", rich_help_panel=TRACES
    ),
]
LangsmithExperimentOption = Annotated[
    str | None,
    typer.Option(help="Name of the experiment in that dataset. [default: the run]", rich_help_panel=TRACES),
]

ProposersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--proposer",
        metavar="NAME",
        help="skill_lines, rewrite, contrast, merge, drop_lines or module:function; in this order.",
        rich_help_panel=OPTIMISER,
    ),
]
ProposingModelOption = Annotated[
    str | None, typer.Option(help="Model that proposes. [default: the same]", rich_help_panel=MODEL)
]
BudgetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="NAME=NUMBER",
        help="At most; rollouts, model_calls, tokens, cost_usd, seconds. May be repeated.",
        rich_help_panel=OPTIMISER,
    ),
]
IterationsOption = Annotated[int | None, typer.Option(help="At most. [default: 40]", rich_help_panel=OPTIMISER)]
TargetOption = Annotated[
    float | None, typer.Option(help="Mean validation score at which to stop.", rich_help_panel=OPTIMISER)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what it would take; run nothing.")]
ForkOption = Annotated[
    str, typer.Option(help="OPTIMISATION:ITERATION; continue its pool from there, say with another --seed.")
]
ReplayOption = Annotated[bool, typer.Option("--replay", help="Decide again from what was recorded; run nothing.")]


class PanelCommand(TyperCommand):
    """A command whose help shows its options under headings, as plain text: Rich's panels take 0.3 s to import."""

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the arguments, then the options by heading, in the order in which headings come up."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                usual = "Options" if isinstance(param, TyperOption) else "Arguments"
                heading = getattr(param, "rich_help_panel", None) or usual
                sections.setdefault(heading, []).append(record)
        for heading in sorted(sections, key="Options".__eq__):  # what every command has comes last
            with formatter.section(heading):
                formatter.write_dl(sections[heading])


def given_in(ctx: typer.Context) -> dict[str, object]:
    """Return the options that were given on the command line, by parameter."""
    return {name: value for name, value in ctx.params.items() if _is_given(ctx, name)}


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def spelled_in(ctx: typer.Context) -> dict[str, str]:
    """Return how the command line spells each of its options, by parameter: max_cost_usd is --max-cost."""
    return {str(param.name): max(param.opts, key=len) for param in ctx.command.params if param.opts}
