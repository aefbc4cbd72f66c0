"""The little HTML that our objects show themselves with in a notebook: escaped, no scripts, no network."""

from collections.abc import Sequence
from html import escape
from typing import Any

CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0;white-space:pre-wrap"
MONO = "font-family:monospace;font-size:90%;white-space:pre-wrap;margin:4px 0"


class Markup(str):
    """HTML that is to be shown as it is, not escaped."""

    __slots__ = ()


def page(title: str, *parts: str) -> str:
    """Return a titled block."""
    return f"<div><p><b>{escape(title)}</b></p>{''.join(parts)}</div>"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Markup:
    """Return a table; cells are escaped unless they are Markup. A head of empty names is left out."""
    names = "".join(f'<th style="{CELL}">{escape(name)}</th>' for name in head)
    top = f"<thead><tr>{names}</tr></thead>" if any(head) else ""
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{cell(value)}</td>' for value in row) + "</tr>" for row in rows
    )
    return Markup(f"<table>{top}<tbody>{body}</tbody></table>")


def cell(value: Any) -> str:
    """Return one value as HTML."""
    if isinstance(value, Markup):
        return value
    return escape("" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value))


def code(text: str) -> Markup:
    """Return a program or a message as it is."""
    return Markup(f'<pre style="{MONO}">{escape(text)}</pre>')


def diff(lines: Sequence[str]) -> Markup:
    """Return the lines of a unified diff, coloured."""
    colours = {"+": "#1a7f37", "-": "#b42318", "@": "#6e7781"}
    shown = [f'<span style="color:{colours.get(line[:1], "inherit")}">{escape(line)}</span>' for line in lines]
    return Markup(f'<pre style="{MONO}">' + "\n".join(shown) + "</pre>")


def details(title: str, body: str) -> Markup:
    """Return a block that opens with a click."""
    return Markup(f"<details><summary>{escape(title)}</summary>{body}</details>")
