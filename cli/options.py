"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder for everything that is kept. [default: .ratchet]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of tables.")]
