"""`ratchet db upgrade|key|change-key`: bring the tables of a home to this version; the key to an encrypted one."""

import typer

from cli.options import HomeOption, PanelCommand

app = typer.Typer(
    help="The home: bring its tables up to date, change its key.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


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


@app.command("key", cls=PanelCommand)
def make_key() -> None:
    """Print a new random key, for RATCHET_ENCRYPTION_KEY: a home that is made with it is encrypted."""
    from storage.keys import new_key

    print(new_key())


@app.command("change-key", cls=PanelCommand)
def change_the_key(home: HomeOption = None) -> None:
    """Have the key in RATCHET_NEW_ENCRYPTION_KEY open a home in the place of that in RATCHET_ENCRYPTION_KEY."""
    from runtime.homes import home_of
    from runtime.settings import load_settings
    from state.errors import SetupError
    from storage.keys import KEY_VARIABLE, NEW_KEY_VARIABLE, change_key, given_key
    from storage.redaction import overwrite_freed

    settings = load_settings(home=home)
    old, new = given_key(), given_key(NEW_KEY_VARIABLE)
    if old is None or new is None:
        raise SetupError(f"set {KEY_VARIABLE} to the key as it is and {NEW_KEY_VARIABLE} to the new one")
    opened = home_of(settings)
    try:
        with opened.writing() as connection:
            overwrite_freed(connection)
            change_key(connection, opened.name, old, new)
    finally:
        opened.close()
    print(f"{opened.name} opens with the new key from now on: set {KEY_VARIABLE} to it and forget the old one")
