"""What `accio describe run` says of the points of a sweep."""

from accio_client.cli.runs_shown import point_facts


def test_points_are_told_in_the_words_of_the_definition() -> None:
    """Groups, names, options and conditions, and each sweep of a union on a line of its own."""
    assert point_facts({"zip": ["a", "b"], "where": "a<3"}) == [("zip", "a, b"), ("where", "a<3")]
    assert point_facts({"zip": [["a", "b"], ["c", "d"]]}) == [("zip", "a, b; c, d")]
    assert point_facts({"points": ["a"], "sample": {"method": "lhs", "n": 4}}) == [
        ("points", "a"),
        ("sample", "method=lhs, n=4"),
    ]
    assert point_facts({"union": [{}, {"points": ["a"], "where": "a=1"}]}) == [
        ("sweep 0", "all combinations"),
        ("sweep 1", "points a; where a=1"),
    ]
