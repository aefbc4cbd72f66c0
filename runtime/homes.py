"""The home that the settings name: a folder, and a database in it or elsewhere."""

from runtime.settings import Settings
from state.errors import SetupError
from storage.engine import DATABASE_FILE, Home, open_home


def home_of(settings: Settings, *, upgrade: bool | None = None) -> Home:
    """Open, or make, the home of the settings (`storage.engine.open_home`); raises SetupError when that cannot be."""
    home = open_home(settings.home, settings.database_url.get_secret_value(), upgrade=upgrade)
    home.mirror_url = settings.chroma_url
    return home


def known_home_of(settings: Settings) -> Home:
    """Open a home that something was kept in before; raises SetupError where there is none."""
    if not settings.database_url.get_secret_value() and not (settings.home / DATABASE_FILE).exists():
        raise SetupError(f"no home at {settings.home}: nothing was run there yet. Start with `ratchet run katas`")
    return home_of(settings)
