"""`draw`: a graph as a picture, laid out in ranks: what comes later stands lower."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from checkpoints.threads import AnyGraph
from graphs.episode import episode_graph
from graphs.learning_loop import learning_loop_graph
from graphs.memory_care import memory_care_graph
from graphs.prompt_optimization import prompt_optimization_graph
from graphs.task_proposal import task_proposal_graph
from state.errors import SetupError
from workbench.svg import BLUE, CHARACTER, DIM, INK, LINE, Picture, arrow_head, box, path, picture, text

GRAPHS: Mapping[str, Callable[[], AnyGraph]] = {
    "episode": episode_graph,
    "learning_loop": learning_loop_graph,
    "prompt_optimization": prompt_optimization_graph,
    "memory_care": memory_care_graph,
    "task_proposal": task_proposal_graph,
}
RANK, NODE, GAP, MARGIN = 58.0, 28.0, 26.0, 14.0  # pixels: from rank to rank, of a node's height, between nodes, around
LANE = 16.0  # pixels between lines that pass by nodes
Edge = tuple[str, str, bool]  # from, to, whether it is taken on a condition


@dataclass(frozen=True)
class _Place:
    """Where a node stands."""

    name: str
    rank: int
    x: float
    """Of its middle."""
    width: float

    @property
    def top(self) -> float:
        return MARGIN + self.rank * RANK

    @property
    def bottom(self) -> float:
        return self.top + NODE


def _label(node: str, visits: int) -> str:
    return node.strip("_") + (f" ×{visits}" if visits > 1 else "")


def draw(name: str, visits: Mapping[str, int] | None = None) -> Picture:
    """Draw a graph of the product: "episode", "learning_loop", "prompt_optimization", "memory_care", "task_proposal".

    visits: how often each node ran; those that did not are pale.
    Solid lines are always taken, dashed ones on a condition. Raises SetupError for another name.
    """
    if name not in GRAPHS:
        raise SetupError(f"no graph {name!r}; have: {', '.join(GRAPHS)}")
    drawn = GRAPHS[name]().compile().get_graph()
    edges = [(edge.source, edge.target, edge.conditional) for edge in drawn.edges]
    counts = visits or {}
    labels = {node: _label(node, counts.get(node, 0)) for node in drawn.nodes}
    places = _places(labels, edges)
    right = max(place.x + place.width / 2 for place in places.values())
    back, ahead = _Lanes(0.0, -LANE), _Lanes(right, LANE)
    lines = [_line(edge, edges, places, back if _step(edge, places) < 0 else ahead) for edge in edges]
    nodes = [
        _node(place, labels[place.name], is_pale=visits is not None and not counts.get(place.name))
        for place in places.values()
    ]
    height = max(place.bottom for place in places.values()) + MARGIN
    left = MARGIN - back.outermost
    shifted = f'<g transform="translate({left:.0f} 0)">{"".join([*lines, *nodes])}</g>'
    return picture(f"the graph {name}", left + ahead.outermost + MARGIN, height, arrow_head(), shifted)


def _places(labels: Mapping[str, str], edges: Sequence[Edge]) -> dict[str, _Place]:
    """Put every node below those that lead to it, loops left aside, and the nodes of a rank side by side."""
    nodes = list(labels)
    ranks = _ranks(nodes, edges)
    goes_back = {source for source, target, _ in edges if ranks[target] < ranks[source] - 1}
    rows: dict[int, list[str]] = {}
    for node in sorted(nodes, key=lambda node: node not in goes_back):  # lines back leave on the left
        rows.setdefault(ranks[node], []).append(node)
    widths = {node: len(labels[node]) * CHARACTER + 22 for node in nodes}
    lengths = {rank: sum(widths[n] for n in row) + GAP * (len(row) - 1) for rank, row in rows.items()}
    middle = max(lengths.values()) / 2
    places = {}
    for rank, row in rows.items():
        x = middle - lengths[rank] / 2
        for node in row:
            places[node] = _Place(node, rank, x + widths[node] / 2, widths[node])
            x += widths[node] + GAP
    return places


def _ranks(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the length of the longest way to each node that takes no edge back to a node it came through."""
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target, _ in edges:
        after[source].append(target)
    ranks = dict.fromkeys(nodes, 0)

    def visit(node: str, way: tuple[str, ...]) -> None:
        for target in after[node]:
            if target not in way and ranks[target] < len(way):
                ranks[target] = len(way)
                visit(target, (*way, target))

    visit(nodes[0], (nodes[0],))
    ranks[nodes[-1]] = max(ranks[nodes[-1]], *ranks.values())  # the end stands lowest
    return ranks


class _Lanes:
    """Hands out the ways that pass by the nodes on one side of them: one per line."""

    def __init__(self, edge: float, width: float) -> None:
        self._edge = edge
        self._width = width
        self._taken: list[list[tuple[int, int]]] = []

    def take(self, first: int, last: int) -> float:
        """Return the x of the first lane that is free between two ranks."""
        for number, spans in enumerate(self._taken, 1):
            if all(last < start or end < first for start, end in spans):
                spans.append((first, last))
                return self._edge + number * self._width
        self._taken.append([(first, last)])
        return self.outermost

    @property
    def outermost(self) -> float:
        """Return the x of the last lane; of the nodes' edge where there is none."""
        return self._edge + len(self._taken) * self._width


def _step(edge: Edge, places: Mapping[str, _Place]) -> int:
    """Return by how many ranks an edge goes down."""
    return places[edge[1]].rank - places[edge[0]].rank


def _line(edge: Edge, edges: Sequence[Edge], places: Mapping[str, _Place], lanes: _Lanes) -> str:
    source, target, dashed = edge
    a, b = places[source], places[target]
    step = _step(edge, places)
    both_ways = any(one == target and other == source for one, other, _ in edges)
    if step == 1:
        bend = (b.top - a.bottom) * 0.6
        course = f"M{a.x:.1f},{a.bottom:.1f} C{a.x:.1f},{a.bottom + bend:.1f} {b.x:.1f},{b.top - bend:.1f} "
        line = path(course + f"{b.x:.1f},{b.top:.1f}", dashed=dashed, arrow=True)
        return line.replace("marker-end", 'marker-start="url(#arrow)" marker-end') if both_ways else line
    if step == -1 and both_ways:
        return ""  # drawn with the way there: a line with two heads
    lane = lanes.take(min(a.rank, b.rank), max(a.rank, b.rank))
    start, end = a.top + NODE * 0.65, b.top + NODE * 0.35
    side, turn = (1.0, 8.0) if step > 0 else (-1.0, -8.0)
    from_x, to_x = a.x + side * a.width / 2, b.x + side * (b.width / 2 + 1)
    course = (
        f"M{from_x:.1f},{start:.1f} H{lane - side * 8:.1f} Q{lane:.1f},{start:.1f} {lane:.1f},{start + turn:.1f} "
        f"V{end - turn:.1f} Q{lane:.1f},{end:.1f} {lane - side * 8:.1f},{end:.1f} H{to_x:.1f}"
    )
    return path(course, dashed=dashed, arrow=True)


def _node(place: _Place, label: str, *, is_pale: bool) -> str:
    is_border = place.name.startswith("__")
    fill = "#eef2f6" if is_border else "#f4f4f5" if is_pale else "#dbeafe"
    edge = LINE if is_border or is_pale else BLUE
    shape = box((place.x - place.width / 2, place.top, place.width, NODE), fill=fill, edge=edge)
    return shape + text(place.x, place.top + 18, label, anchor="middle", colour=DIM if is_border or is_pale else INK)
