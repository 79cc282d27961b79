"""A picture of a run's results that was asked for: shown by notebooks and terminals, and written to files."""

from __future__ import annotations

import csv
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accio.errors import BadRequest, FailedPrecondition
from accio.late import dataclass
from accio_client.trace_events import SUFFIX

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from accio_client.analysis.pictures import Picture, Rows

FORMATS = ("png", "svg", "pdf", "csv")


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What `run.plot` returns and `accio plot` shows: a picture specification (docs/pictures.md) that can draw itself.

    In a notebook it is shown as SVG with matplotlib, as text without; `print` draws it for a terminal.
    """

    picture: Picture

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a file of the kind that its name says (.png, .svg, .pdf or .csv; .trace.json of a timeline); it appears
        whole or not at all.

        BadRequest if there is a file already (but for *force*), FailedPrecondition without matplotlib.
        """
        target = checked_target(path, force=force)
        draft = target.with_name(f".{target.stem}.part{target.suffix}")
        try:
            if target.suffix.lower() == ".csv":
                draft.write_text(self.csv(), encoding="utf-8", newline="")
            elif is_trace(target):
                draft.write_text(self.trace(), encoding="utf-8", newline="")
            else:
                from accio_client.analysis.figures import save

                save(self.picture, draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return target

    def rows(self) -> Rows:
        """Return the numbers that it shows: names of columns, and rows."""
        from accio_client.analysis.pictures import rows

        return rows(self.picture)

    def csv(self) -> str:
        """Return the numbers that it shows, as comma-separated values; an empty cell is no number."""
        text = io.StringIO()
        table = self.rows()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in table.rows)
        return text.getvalue()

    def trace(self) -> str:
        """Return a timeline as a trace that ui.perfetto.dev opens (docs/pictures.md); BadRequest if it is none."""
        from accio_client.analysis.pictures import Timeline
        from accio_client.trace_events import trace_text

        if not isinstance(self.picture, Timeline):
            raise BadRequest(f"a file called NAME{SUFFIX} is of a timeline, and this is a picture of another kind")
        return trace_text(self.picture)

    def figure(self) -> Figure:
        """Return it as a figure of matplotlib, to be changed further; FailedPrecondition without matplotlib."""
        from accio_client.analysis.figures import figure

        return figure(self.picture)

    def text(self, *, width: int = 80, height: int = 24) -> str:
        """Return it drawn in characters, as the terminal shows it."""
        from accio_client.analysis.terminal import render

        return "\n".join(render(self.picture, width=width, height=height))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        head = self.picture.head
        return f"<{head.title}: {head.counted}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        shown = {"text/plain": self.text()}
        with suppress(FailedPrecondition):  # without matplotlib, the text is what is shown
            from accio_client.analysis.figures import svg

            shown["image/svg+xml"] = svg(self.picture)
        return shown


def is_trace(target: Path) -> bool:
    """Return whether a file is to be a trace, by its name."""
    return target.name.lower().endswith(SUFFIX)


def checked_target(path: str | os.PathLike[str], *, force: bool) -> Path:
    """Return the path of a file that is to be written; BadRequest if its kind is unknown, or if there is one."""
    target = Path(path)
    if target.suffix.removeprefix(".").lower() not in FORMATS and not is_trace(target):
        raise BadRequest(
            f"expected a file called NAME.{', NAME.'.join(FORMATS)} or, of a timeline, NAME{SUFFIX}, "
            f"found {target.name or path}"
        )
    if target.exists() and not force:
        raise BadRequest(f"there is a file {target} already: choose another name, or replace it by force (-force)")
    return target
