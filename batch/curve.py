"""The learning curve as a drawing: one SVG for the HTML report and for notebooks."""

from collections.abc import Sequence
from html import escape

from batch.summary import CurvePoint

WIDTH, HEIGHT, MARGIN = 640, 260, 44
COLOURS = {"validation": "#3b82c4", "test": "#c2571a"}
DIM = "#667085"


def curve_svg(points: Sequence[CurvePoint]) -> str:
    """Return shares of solved held-out tasks over train episodes, with 95 % intervals; "" for fewer than two points."""
    episodes = sorted({point.episodes for point in points})
    if len(episodes) < 2:
        return ""
    parts = [_grid(step / 4) for step in range(5)]
    parts += [_text(_x(at, episodes[-1]), HEIGHT - 24, str(at), "middle") for at in episodes]
    parts.append(_text(WIDTH / 2, HEIGHT - 6, "train episodes", "middle"))
    for row, split in enumerate(sorted({point.split for point in points}, reverse=True)):
        colour = COLOURS.get(split, "#666666")
        mine = [point for point in points if point.split == split]
        parts.append(_line(mine, episodes[-1], colour))
        parts.append(_text(WIDTH - MARGIN, 16 + 16 * row, split, "end", colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" '
        f'aria-label="learning curve" font-family="system-ui, sans-serif">{"".join(parts)}</svg>'
    )


def _x(episodes: int, most: int) -> float:
    return round(MARGIN + (WIDTH - 2 * MARGIN) * episodes / most, 1)


def _y(rate: float) -> float:
    return round(MARGIN + (HEIGHT - 2 * MARGIN) * (1 - rate), 1)


def _grid(rate: float) -> str:
    y = _y(rate)
    line = f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y}" y2="{y}" stroke="currentColor" opacity=".12"/>'
    return line + _text(MARGIN - 6, y + 4, f"{rate:.2f}", "end")


def _line(points: Sequence[CurvePoint], most: int, colour: str) -> str:
    """Draw one split: a line through its points, each with its interval as a bar and its figures as a hint."""
    places = [(_x(point.episodes, most), _y(point.solved.value), point) for point in points]
    parts = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" '
        f'points="{" ".join(f"{x},{y}" for x, y, _ in places)}"/>'
    ]
    for x, y, point in places:
        label = f"{point.split} after {point.episodes} episodes: {point.solved}, 95 % interval {point.solved.interval}"
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="{_y(point.solved.low)}" y2="{_y(point.solved.high)}" stroke="{colour}" '
            f'opacity=".45"/><circle cx="{x}" cy="{y}" r="4" fill="{colour}"><title>{escape(label)}</title></circle>'
        )
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str, colour: str = "") -> str:
    """Return a label; one without a colour of its own takes the page's."""
    look = f'style="fill: {colour}"' if colour else f'fill="{DIM}"'
    return f'<text x="{x:g}" y="{y:g}" font-size="12" text-anchor="{anchor}" {look}>{escape(text)}</text>'
