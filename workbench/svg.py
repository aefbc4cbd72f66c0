"""Pictures: SVG of our own, escaped, without scripts, fonts or anything from the network."""

from dataclasses import dataclass
from html import escape

INK, DIM, LINE, PAPER = "#1f2937", "#667085", "#98a2b3", "#ffffff"
BLUE, GREEN, RED, AMBER, VIOLET = "#3b82c4", "#1a7f4b", "#b42318", "#c2571a", "#7a5af8"
CHARACTER = 6.7  # pixels that a character of 12 pixel text takes, at most on average


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing. Displays itself in a notebook, on a white ground, so that it can be read in dark pages as well."""

    title: str
    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str) -> None:
        """Write it to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)


def picture(title: str, width: float, height: float, *parts: str) -> Picture:
    """Put parts on a ground of that many pixels."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title)}" font-family="system-ui, sans-serif">'
    )
    ground = f'<rect width="{width:.0f}" height="{height:.0f}" fill="{PAPER}"/>'
    return Picture(title=title, svg=f"{head}{ground}{''.join(parts)}</svg>")


def text(x: float, y: float, words: str, *, colour: str = INK, anchor: str = "start", bold: bool = False) -> str:
    """Return a line of text; y is its base line."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="{colour}" text-anchor="{anchor}"{weight}>'
        f"{escape(words)}</text>"
    )


def box(place: tuple[float, float, float, float], *, fill: str, hint: str = "", edge: str = "none") -> str:
    """Return a rectangle with round corners; place: left, top, width, height; hint: shown under a pointer."""
    x, y, width, height = place
    title = f"<title>{escape(hint)}</title>" if hint else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="3" fill="{fill}" '
        f'stroke="{edge}">{title}</rect>'
    )


def path(course: str, *, dashed: bool = False, colour: str = LINE, arrow: bool = False) -> str:
    """Return a line along a course, in SVG's own notation."""
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    head = ' marker-end="url(#arrow)"' if arrow else ""
    return f'<path d="{course}" fill="none" stroke="{colour}" stroke-width="1.4"{dash}{head}/>'


def arrow_head(colour: str = LINE) -> str:
    """Return what `path(arrow=True)` ends in; once per drawing."""
    return (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" fill="{colour}"/></marker></defs>'
    )


def short(words: str, characters: int) -> str:
    """Return the beginning of a text, on one line."""
    line = " ".join(words.split())
    return line if len(line) <= characters else line[: characters - 1].rstrip() + "…"
