"""Pictures in the terminal and in files."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from accio.domain.datatypes import DOUBLE
from accio.domain.sweeps import Sweep
from accio.errors import BadRequest, FailedPrecondition
from accio_client.analysis.braille import Canvas
from accio_client.analysis.figures import figure, save
from accio_client.analysis.pictures import failure_map, heat_map, importance_bars, line, parallel, scatter, state_map
from accio_client.analysis.terminal import render
from accio_client.drawing import Drawing
from tests.unit.client.analysis.tables import VALUE, axis_of, sweep_of, table_of, words_axis
from tests.unit.client.analysis.test_pictures import every_picture, mixed

LONELY = table_of(sweep_of(2, 2), np.zeros(4), np.zeros(4, np.bool_))


def test_dots_are_where_they_belong() -> None:
    """The corners of the canvas are the corners of the square, upwards."""
    canvas = Canvas(2, 2)
    canvas.points(np.array([0.0, 1.0, 0.0, 2.0, np.nan]), np.array([0.0, 1.0, 1.0, 0.5, 0.5]), 0)
    assert canvas.rows(()) == ["⠁⠈", "⡀ "]


def test_a_line_is_interrupted_where_there_is_no_value() -> None:
    """Between points that are numbers there are dots, and nothing beside one that isn't."""
    canvas = Canvas(10, 1)
    canvas.polyline(np.array([0.0, 0.3, 0.6, 1.0]), np.array([0.0, 0.0, np.nan, 0.0]), 0)
    assert canvas.rows(()) == ["⣀⣀⣀⡀     ⢀"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Every picture fits, ends with what it counts, and has no trailing spaces."""
    for picture in every_picture(mixed()):
        lines = render(picture, width=width, height=20)
        assert max(map(len, lines)) <= width
        assert len(lines) <= 40
        assert all(line == line.rstrip() for line in lines)
        assert any(" of 60 children" in line for line in lines)


def test_a_map_of_states_has_signs() -> None:
    """Each cell has the sign of the state that most children are in, and a mark if there are several."""
    failed = np.array([True, True, False, False, True, False])
    table = table_of(sweep_of(3, repeat=2), np.zeros(6), failed=failed)
    lines = render(state_map(table, x="a", y="repeat"), width=40)
    assert lines[2:6] == ["1 │✗ ✓ ✗", "2 │✗ ✓ ✓", "  └──────", "   0 1 2"]  # each label below its column
    collapsed = render(
        state_map(table_of(sweep_of(3, 2, repeat=1), np.zeros(6), failed=failed), x="b", y="a"), width=40
    )
    assert collapsed[2:5] == ["0 │✗ ✗", "1 │✓ ✓", "2 │✗ ✓"]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (("0.00001", "0.0001", "0.001", "0.01", "0.1", "1.5"), ["1e-05", "1.5"]),
        (("0.00001", "1.0"), ["1e-05", "1"]),
        (("1", "2", "3", "4", "5", "6"), ["1", "4", "6"]),
    ],
)
def test_labels_below_a_narrow_map_stand_apart(values: tuple[str, ...], labels: list[str]) -> None:
    """Where the values of a parameter are wider than their columns, labels can be told from each other."""
    sweep = Sweep((words_axis("w", *values), words_axis("v", "x", "y")), 1)
    table = table_of(sweep, np.zeros(2 * len(values)))
    lines = render(state_map(table, x="w", y="v"), width=80)
    assert lines[5].split() == labels


def test_shares_of_failures_are_percentages() -> None:
    """Cells without failures are dashes, those where all failed are full."""
    failed = np.array([True, True, False, False, True, False, False, False])
    table = table_of(sweep_of(2, 2, repeat=2), np.zeros(8), failed=failed)
    assert render(failure_map(table, x="b", y="a"), width=40)[2:4] == ["0 │██ -", "1 │50 -"]


def test_heat_is_shaded() -> None:
    """The lowest mean is blank, the highest full, what is missing a dot; the scale stands below."""
    table = table_of(sweep_of(2, 2), [0.0, 1.0, 4.0, 0.0], np.array([True, True, True, False]))
    lines = render(heat_map(table, VALUE, x="b", y="a"), width=60)
    assert lines[2:4] == ["0 │ ░", "1 │█·"]
    assert "0 ' ░▒▓█' 4, · no value" in lines


def test_bars_have_lengths_and_percentages() -> None:
    """The longest share fills the room."""
    a, b = np.meshgrid([-1.0, 1.0], [-1.0, 1.0], indexing="ij")
    lines = render(importance_bars(table_of(sweep_of(2, 2), a + 2 * b), VALUE), width=40)
    assert re.fullmatch(r"    b █+ +80\.0%", lines[1])
    assert re.fullmatch(r"    a █+.? +20\.0%", lines[2])


def test_lines_have_their_names_at_the_end() -> None:
    """Each series is named beside its end, or nearby; colours are used only if they are wanted."""
    picture = line(mixed(), VALUE, x="cell", by="way")
    plain, coloured = render(picture, width=80), render(picture, width=80, colour=True)
    assert sum(text.endswith((" a", " b")) for text in plain) == 2
    assert not any("\x1b" in text for text in plain)
    assert [re.sub(r"\x1b\[\d+m", "", text) for text in coloured] == plain


def test_texts_of_users_cannot_write_to_the_terminal() -> None:
    """Control characters in the values of a parameter are shown, not obeyed."""
    sweep = Sweep((words_axis("w", "\\u001b[31mred", "plain"), words_axis("v", "x", "\\u202egnp")), 2)
    picture = state_map(table_of(sweep, np.zeros(8)))
    assert not any(char in "".join(render(picture)) for char in "\x1b\u202e")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(every_picture(mixed()))))
def test_every_picture_is_drawn_into_a_file(tmp_path: Path, number: int) -> None:
    """Each of the pictures becomes a PNG."""
    save(every_picture(mixed())[number], tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_same_picture_is_the_same_file(tmp_path: Path, kind: str, magic: bytes) -> None:
    """Each format is written, without date or chance: twice the same bytes. Dollars aren't formulas."""
    sweep = Sweep((words_axis("w", r"$\\foo$", "$5"), words_axis("v", "x", "y")), 2)
    picture = state_map(table_of(sweep, np.zeros(8)))
    for name in ("first", "second"):
        save(picture, tmp_path / f"{name}.{kind}")
    first = (tmp_path / f"first.{kind}").read_bytes()
    assert first.startswith(magic)
    assert first == (tmp_path / f"second.{kind}").read_bytes()


def test_pictures_of_nothing_are_drawn() -> None:
    """Where there is no value, there is an empty picture, in the terminal and as a figure."""
    for picture in (
        state_map(LONELY),
        heat_map(LONELY, VALUE),
        failure_map(LONELY),
        line(LONELY, VALUE),
        importance_bars(LONELY, VALUE),
        scatter(LONELY, VALUE, VALUE),
        parallel(LONELY, VALUE),
    ):
        assert render(picture)
        assert figure(picture).axes


def test_logarithmic_axes_are_drawn_so() -> None:
    """An axis that the definition says is logarithmic is so in the figure."""
    sweep = Sweep((axis_of("epsilon", DOUBLE, "0.001", "0.01", "0.1", "1.0"),), 3)
    drawn = figure(line(table_of(sweep, np.arange(12.0)), VALUE))
    assert drawn.axes[0].get_xscale() == "log"
    assert drawn.axes[0].get_xlabel() == "epsilon"


def test_unknown_formats_are_refused(tmp_path: Path) -> None:
    """A file that is none of png, svg and pdf is refused with those that there are."""
    with pytest.raises(BadRequest, match=r"\*\.png, \*\.svg, \*\.pdf"):
        save(state_map(LONELY), tmp_path / "x.gif")


def test_without_matplotlib_a_file_says_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason speaks of no option: Python's users have none. Numbers and characters need nothing."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    drawing = Drawing(state_map(LONELY, x="a", y="b"))
    with pytest.raises(FailedPrecondition, match="need matplotlib: pip install") as refused:
        drawing.save(tmp_path / "states.png")
    assert "-out" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    assert drawing.save(tmp_path / "states.csv").read_text()
    assert "children" in drawing.text()
