"""The failures of a sweep as a value: kinds, what explains them, and both as text."""

from collections.abc import Iterator

from accio_client.analysis.explain import Explanation
from accio_client.analysis.fingerprints import Group
from accio_client.documents.failures import found_failures, run_of
from accio_client.selected import Selected


class Failures(tuple[Group, ...]):
    """The kinds of failures, the most frequent first; printed, it is what `accio failures` tells of them."""

    explained_by: tuple[Explanation, ...]
    """The parameters that explain them."""

    def __new__(cls, found: Selected) -> "Failures":
        """Group the failures among the selected children, and explain them."""
        groups, explanations = found_failures(found)
        made = super().__new__(cls, groups)
        made.explained_by = explanations
        made._text = "\n".join(lines(found, groups, explanations, len(groups)))
        return made

    _text: str

    def __repr__(self) -> str:
        return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in self._text)


def lines(
    found: Selected, groups: tuple[Group, ...], explanations: tuple[Explanation, ...], limit: int
) -> Iterator[str]:
    """Yield what is told of failures: at most *limit* kinds, with examples, and the parameters that explain them."""
    looked_at = int(found.mask.sum())
    if not groups:
        yield "no node has failed" if looked_at == 1 else f"no node of {looked_at:,} children has failed"
    for group in groups[:limit]:
        yield f"{group.count:,} × {group.fingerprint}"
        yield f"    {', '.join(group.nodes)}, in {len(group.children):,} of {looked_at:,} children"
        for each in group.examples:
            yield f"    {run_of(found, each.child)}/{each.node}  {found.table.sweep.label(each.child)}".rstrip()
    if len(groups) > limit:
        yield f"and {len(groups) - limit:,} more kinds (-n={len(groups)} shows all)"
    if explanations:
        yield ""
        yield "explained by"
    for explanation in explanations:
        yield f"    {explanation}"
