"""`ratchet db upgrade`: bring the tables of a home to this version."""

import typer

from cli.options import HomeOption, PanelCommand

app = typer.Typer(help="The home's database: bring its tables up to date.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Keep `upgrade` a command of its own while it is the only one."""


@app.command("upgrade", cls=PanelCommand)
def upgrade(home: HomeOption = None) -> None:
    """Make the tables, or bring those of an older version up to date. Stop what works on the home first."""
    from checkpoints.savers import close_saver, open_saver
    from runtime.homes import home_of
    from runtime.settings import load_settings
    from storage.migrations import SCHEMA_VERSION

    opened = home_of(load_settings(home=home), upgrade=True)
    try:
        close_saver(open_saver(opened))
        found, name = opened.found_version, opened.name
    finally:
        opened.close()
    if found == SCHEMA_VERSION:
        print(f"{name} is up to date: schema {SCHEMA_VERSION}")
    elif found:
        print(f"{name} went from schema {found} to {SCHEMA_VERSION}")
    else:
        print(f"{name} was made: schema {SCHEMA_VERSION}")
