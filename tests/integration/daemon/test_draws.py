"""Submissions that repeat operators which draw random numbers and aren't declared unstable."""

import orjson

from accio.v1 import accio_pb2
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import joined, operator
from tests.integration.daemon.workflows import PAIR


async def test_repetitions_that_are_all_the_same_are_warned_of(daemon: Serving) -> None:
    """Where it is repeated, and where nobody said that it is unstable; its description names what it draws."""
    draws = ["random.random in function double"]

    async def warnings(repeat: int) -> list[str]:
        document = orjson.dumps({"workflow": "pair", "repeat": repeat})
        found = await daemon.accio.Submit(accio_pb2.SubmitRequest(definition=document, base_path="/base"))
        return [issue.message for issue in found.warnings]

    async with joined(daemon.agents, operators=[operator("Double", draws=draws)]):
        await daemon.push(PAIR)
        (message,) = await warnings(5)
        assert message.startswith("Double isn't declared unstable: where its inputs are the same, all 5 repetitions")
        assert draws[0] in message
        assert await warnings(1) == []
        found = await daemon.accio.GetOperator(accio_pb2.GetOperatorRequest(name="Double"))
        assert list(found.draws) == draws
    async with joined(daemon.agents, operators=[operator("Double", digest="f", draws=draws, unstable=True)]):
        assert await warnings(5) == []
