"""The cases are all accounted for."""

from tests.cases.loader import DOC, areas, cases, daemon_cases, is_pure, pure_cases


def test_every_case_is_pure_or_needs_a_system() -> None:
    """No case falls between the adapters of the language and those of a running system."""
    for area in areas():
        assert len(pure_cases(area)) + len(daemon_cases(area)) == len(cases(area))
    assert sum(len(cases(area)) for area in areas()) == len(DOC["cases"])


def test_the_language_answers_most_of_its_own_areas() -> None:
    """The cases that are left to a running system in the areas of the language are few, and known."""
    left = {case["area"] for case in DOC["cases"] if not is_pure(case)}
    assert left >= {"types", "casts", "default-values", "workflow-validation", "seeds"}
    assert not left & {"type-names", "range", "parameter-forms", "sweep", "labels", "run-validation"}
