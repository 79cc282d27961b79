"""The graph and the timeline of a run as lines of text."""

from accio_client.analysis.node_figures import GLYPHS, below
from accio_client.analysis.pictures.specification import Graph, Timeline, number_text, short_tick, visible

_MARGIN = 12
_FILL = "━"


def graph_lines(picture: Graph, width: int) -> list[str]:
    """Return a line for each node, layer by layer, with what it takes from which."""
    sources: dict[str, list[str]] = {}
    for edge in picture.edges:
        sources.setdefault(edge.target, []).append(edge.source)
    columns = sorted({node.x for node in picture.nodes})
    room = min(width // 3, max((len(visible(node.name)) for node in picture.nodes), default=0))
    lines: list[str] = []
    for node in sorted(picture.nodes, key=lambda node: (node.x, node.y)):
        taken = ", ".join(visible(each) for each in sorted(sources.get(node.name, ())))
        said = "  ".join(filter(None, [visible(below(node)), f"← {taken}" if taken else ""]))
        name = short_tick(node.name, room)
        line = f"{columns.index(node.x) + 1:>3} {GLYPHS.get(node.state, '·')} {name:<{room}}  {said}"
        lines.append(line.rstrip() if len(line) <= width else f"{line[: width - 1]}…")
    return lines


def timeline_lines(picture: Timeline, width: int) -> list[str]:
    """Return a line for each lane, where a node begins with the glyph of its state, over an axis in seconds."""
    room = max(10, width - _MARGIN - 2)
    whole = max((span.end for span in picture.spans), default=0.0) or 1.0
    cells = [[" "] * room for _ in picture.lanes]
    for span in picture.spans:
        start = min(room - 1, int(span.start / whole * room))
        end = max(start + 1, min(room, round(span.end / whole * room)))
        cells[span.lane][start:end] = [_FILL] * (end - start)
    for span in picture.spans:  # on top of what ends in the same cell
        cells[span.lane][min(room - 1, int(span.start / whole * room))] = GLYPHS.get(span.state, "·")
    named = [f"{short_tick(agent, _MARGIN):>{_MARGIN}}" for agent in picture.lanes]
    lanes = [f"{name} │{''.join(row)}".rstrip() for name, row in zip(named, cells, strict=True)]
    last = f"{number_text(whole)} s"
    return [*lanes, f"{'':{_MARGIN}} └{'─' * room}", f"{'':{_MARGIN}}  0{last:>{room - 1}}"] if lanes else []
