"""What a model may be called, and what can be said of a name without importing anything heavy."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from state.errors import SetupError

# Environment variables: the key; another address than the provider's own.
PROVIDERS = {
    "openai": ("OPENAI_API_KEY", ("OPENAI_BASE_URL", "OPENAI_API_BASE")),
    "anthropic": ("ANTHROPIC_API_KEY", ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL")),
}
HELP = "offline, recorded:FILE, openai:NAME (or any OpenAI-compatible server with --base-url), anthropic:NAME"


def check_model(name: str, base_url: str | None, key_variable: str | None) -> None:
    """Raise SetupError for an unknown model, a missing key, or a file of recorded answers that is not there."""
    provider, _, rest = name.partition(":")
    if name == "offline":
        return
    if provider == "recorded" and rest:
        try:
            Path(rest).open("rb").close()
        except OSError as error:
            raise SetupError(f"cannot read the recorded answers {rest}: {error.strerror}") from error
    elif provider in PROVIDERS and rest:
        variable = key_variable or PROVIDERS[provider][0]
        if not os.environ.get(variable) and (key_variable or not base_url):
            raise SetupError(
                f"{name} needs a key: set {variable} in the environment or in .env. Without one, try --model offline"
            )
    else:
        raise SetupError(f"unknown model {name!r}. Models: {HELP}")


def address_of(name: str, base_url: str | None) -> str | None:
    """Return the base URL a model is reached at: the given one, or its provider's variable; None: the provider's own.

    Raises SetupError for an address that is none of a web server, or that holds a password: addresses are stored in
    plain text.
    """
    provider = name.partition(":")[0]
    if provider not in PROVIDERS:
        return None
    found = base_url or next(filter(None, map(os.environ.get, PROVIDERS[provider][1])), None)
    if found and urlsplit(found).password:
        raise SetupError("the base URL holds a password, and addresses are stored: put it into the key's variable")
    if found and urlsplit(found).scheme not in ("http", "https"):
        raise SetupError(f"the base URL {found!r} is no address of a server: it begins with http:// or https://")
    return found
