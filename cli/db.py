"""`ratchet db key|change-key`."""

import typer

from cli.options import HomeOption

app = typer.Typer(help="The key to an encrypted home.", no_args_is_help=True)


@app.command("key")
def make_key() -> None:
    """Print a new random key, for RATCHET_ENCRYPTION_KEY: a home that is made with it is encrypted."""
    from storage.keys import new_key

    print(new_key())


@app.command("change-key")
def change_the_key(home: HomeOption = None) -> None:
    """Have the key in RATCHET_NEW_ENCRYPTION_KEY open a home in the place of that in RATCHET_ENCRYPTION_KEY."""
    from runtime.settings import load_settings
    from state.errors import SetupError
    from storage.engine import open_home
    from storage.keys import KEY_VARIABLE, NEW_KEY_VARIABLE, change_key, given_key
    from storage.redaction import overwrite_freed

    folder = load_settings(home=home).home
    old, new = given_key(), given_key(NEW_KEY_VARIABLE)
    if old is None or new is None:
        raise SetupError(f"set {KEY_VARIABLE} to the key as it is and {NEW_KEY_VARIABLE} to the new one")
    opened = open_home(folder)
    try:
        with opened.writing() as connection:
            overwrite_freed(connection)
            change_key(connection, folder, old, new)
    finally:
        opened.close()
    print(f"{folder} opens with the new key from now on: set {KEY_VARIABLE} to it and forget the old one")
