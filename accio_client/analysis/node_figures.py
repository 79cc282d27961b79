"""The graph and the timeline of a run as figures of matplotlib, in the colours of their states."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from accio_client.analysis.pictures.specification import Graph, GraphNode, Timeline, number_text, short_tick, visible
from accio_client.graph_layout import HEIGHT, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NODE_COLOURS = {
    "waiting": "#5b6470",
    "queued": "#5b6470",
    "running": "#0a5fd0",
    "success": "#0b7a4b",
    "failed": "#c02600",
    "killed": "#7a3fb5",
    "lost": "#8a5a00",
    "cancelled": "#6b7280",
}
GLYPHS: Mapping[str, str] = {
    "waiting": "◌",
    "queued": "◷",
    "running": "▶",
    "success": "✓",
    "failed": "✗",
    "killed": "■",
    "lost": "↯",
    "cancelled": "⊘",
}
_UNKNOWN = "#5b6470"
_TOLD = ("failed", "lost", "killed", "running", "queued", "cancelled")
_MARGIN = 12.0
_INSET = 8.0
"""From the border of a node to its bar of states."""
_FEW_LANES = 4
_NARROW = 0.08
"""The share of the axis below which a bar has no room for its name."""


def plain(text: str, most: int) -> str:
    """Return a text of at most *most* characters that matplotlib doesn't take for a formula."""
    return short_tick(visible(text), most).replace("$", r"\$")


def below(node: GraphNode) -> str:
    """Return the lines under a node's name: its operator, if named differently, and its duration.

    Of a sweep also the number of children in which it succeeded, and in which other states it is.
    """
    if node.counts:
        said = over_children(node)
    elif node.cached:
        said = ["cached"]
    else:
        said = [] if node.seconds is None else [f"{number_text(node.seconds)} s"]
    return ", ".join(["" if node.operator == node.name else node.operator, *said]).removeprefix(", ")


def over_children(node: GraphNode) -> list[str]:
    """Return in how many children a node has succeeded, and is in what other states, and its median time; what waits is
    the rest.
    """
    others = [f"{node.counts[state]:,} {state}" for state in _TOLD if node.counts.get(state)]
    took = [] if node.seconds is None else [f"~{number_text(node.seconds)} s"]
    cached = [f"{node.taken:,} cached"] if node.taken else []
    return [f"{node.counts.get('success', 0):,} of {sum(node.counts.values()):,}", *others, *took, *cached]


def draw_graph(axes: "Axes", picture: Graph) -> None:
    """Draw boxes and arrows from left to right."""
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.path import Path

    for edge in picture.edges:
        corners = [*edge.points]
        corners[0] = (corners[0][0] + WIDTH / 2, corners[0][1])
        corners[-1] = (corners[-1][0] - WIDTH / 2, corners[-1][1])
        way = Path(corners, [Path.MOVETO, *[Path.LINETO] * (len(corners) - 1)])
        axes.add_patch(FancyArrowPatch(path=way, arrowstyle="-|>", mutation_scale=9, color="#888888", linewidth=0.8))
    for node in picture.nodes:
        colour = NODE_COLOURS.get(node.state, _UNKNOWN)
        corner = (node.x - WIDTH / 2, node.y - HEIGHT / 2)
        axes.add_patch(
            FancyBboxPatch(
                corner, WIDTH, HEIGHT, boxstyle="round,pad=0,rounding_size=7", facecolor="white", edgecolor=colour
            )
        )
        text = ", ".join(over_children(node)[:2]) if node.counts else below(node)
        worded = node.state and node.state != "success" and not node.counts
        name = f"{node.state}: {node.name}" if worded else node.name
        left = node.x - WIDTH / 2 + 8
        axes.text(left, node.y - (7 if text else 0), plain(name, 22), va="center", fontsize=7, color=colour)
        if node.counts:
            _draw_bar(axes, node)
        if text:
            axes.text(
                left, node.y + (7 if node.counts else 9), plain(text, 26), va="center", fontsize=5.5, color="#444444"
            )
    axes.set_xlim(-_MARGIN, picture.width + _MARGIN)
    axes.set_ylim(picture.height + _MARGIN, -_MARGIN)  # rows go downwards
    axes.set_aspect("equal")
    axes.set_axis_off()


def _draw_bar(axes: "Axes", node: GraphNode) -> None:
    """Draw the states of a node over the children as a bar at its bottom."""
    from matplotlib.patches import Rectangle

    room, total = WIDTH - 2 * _INSET, sum(node.counts.values())
    x = node.x - WIDTH / 2 + _INSET
    for state, colour in NODE_COLOURS.items():
        width = room * node.counts.get(state, 0) / total
        axes.add_patch(Rectangle((x, node.y + HEIGHT / 2 - 5), width, 3, facecolor=colour, linewidth=0))
        x += width


def draw_timeline(axes: "Axes", picture: Timeline) -> None:
    """Draw a bar for each node that ran, in the lanes of its agent."""
    from matplotlib.patches import Patch

    whole = max((span.end for span in picture.spans), default=0.0) or 1.0
    for span in picture.spans:
        colour = NODE_COLOURS.get(span.state, _UNKNOWN)
        axes.barh(span.lane, max(span.end - span.start, whole / 400), left=span.start, height=0.7, color=colour)
        if (span.end - span.start) / whole > _NARROW:
            axes.text(
                span.start + whole / 200, span.lane, plain(span.node, 20), va="center", fontsize=7, color="white",
                clip_on=True,
            )  # fmt: skip
    there = [state for state in NODE_COLOURS if any(span.state == state for span in picture.spans)]
    axes.legend(handles=[Patch(color=NODE_COLOURS[state], label=state) for state in there], fontsize=7, loc="best")
    axes.set_yticks(range(len(picture.lanes)), [plain(agent, 18) for agent in picture.lanes], fontsize=8)
    axes.set_ylim(max(_FEW_LANES, len(picture.lanes)) - 0.5, -0.5)
    axes.set_xlim(0, whole)
    axes.set_xlabel(plain(picture.x.label, 60))
    axes.spines[["top", "right"]].set_visible(False)
