"""Execute the notebooks top to bottom and keep what they show: `make notebooks`. A test holds them to it."""

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = sorted(Path(__file__).parent.glob("*.ipynb"))
SECONDS_PER_CELL = 170
ID = re.compile(r"\b(run-|opt-|fork-)?[0-9a-f]{8,}\b")


@contextmanager
def kernel(folder: Path) -> Iterator[KernelManager]:
    """Start a kernel that works in a folder, and end it. It talks over sockets of a private folder, not over ports."""
    with tempfile.TemporaryDirectory() as sockets:
        manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/kernel")
        manager.start_kernel(cwd=str(folder), extra_arguments=["--HistoryManager.enabled=False"])
        try:
            yield manager
        finally:
            manager.shutdown_kernel(now=True)


def executed(path: Path, manager: KernelManager) -> NotebookNode:
    """Return a notebook as it is after all its cells ran in a kernel; raises CellExecutionError where one fails."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, km=manager, timeout=SECONDS_PER_CELL, record_timing=False)
    try:
        client.execute()
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
            if len(output.get("data", {})) > 1:
                output.data.pop("text/plain", None)  # the same once more, for terminals
    return notebook


def shape(notebook: NotebookNode) -> list[list[str]]:
    """Return, for every code cell, what it shows but for figures, texts and ids: kinds, titles, heads of tables."""
    return [[_kind(output) for output in cell.outputs] for cell in notebook.cells if cell.cell_type == "code"]


def _kind(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return str(output.name)
    parts = []
    for mime, shown in sorted(output.data.items()):
        titles = re.findall(r'<th[^>]*>([^<]*)</th>|aria-label="([^"]*)"', str(shown)) if mime != "text/plain" else []
        parts.append(f"{mime}: {' | '.join(ID.sub('ID', th or label) for th, label in titles)}")
    return "; ".join(parts)


def main(beginnings: tuple[str, ...]) -> None:
    """Execute notebooks whose names begin so, each in a kernel and a folder of its own, and keep what they show."""
    for path in [path for path in NOTEBOOKS if path.name.startswith(beginnings or "")]:
        with tempfile.TemporaryDirectory() as folder, kernel(Path(folder)) as manager:
            notebook = executed(path, manager)
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
