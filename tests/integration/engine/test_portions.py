"""How much the collector of cycles looks at while the engine decides."""

from accio.collector import Portions
from accio_daemon.short_calls import SEVERAL, ShortCalls
from tests import builders
from tests.integration.engine.conftest import Benches

ONE = builders.graph({"A": []}, swept=("A",))


class _Noted(Portions):
    """Notes what is chosen, and leaves the collector of the tests alone."""

    def __init__(self) -> None:
        super().__init__((1, 1, 1), (2, 2, 2))
        self.chosen: list[bool] = []

    def choose(self, *, few: bool) -> None:
        self.chosen.append(few)


async def test_few_objects_are_looked_at_once_calls_keep_coming(benches: Benches) -> None:
    """Whoever decides alone may stand still a little longer; each call would have to wait for that."""
    calls, portions = ShortCalls(lambda: 0.0), _Noted()
    async with benches.running(short_calls=calls, portions=portions) as bench:
        await bench.join()
        await bench.submit(ONE)
        assert portions.chosen
        assert not any(portions.chosen)
        for _ in range(SEVERAL):
            calls.begin()
        alone = len(portions.chosen)
        await bench.submit(ONE)
        assert len(portions.chosen) > alone
        assert all(portions.chosen[alone:])
