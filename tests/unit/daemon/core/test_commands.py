"""Commands are typed by their answers, and the reactor keeps to that."""

import ast
import inspect
import sys
import typing

from accio_daemon.core import commands, reactor
from accio_daemon.core.commands import Command
from accio_daemon.core.reactor import AnyCommand


def test_the_reactor_knows_every_command() -> None:
    """The union that the reactor matches lists each command that there is."""
    known = {each for each in Command.__subclasses__() if getattr(sys.modules[each.__module__], each.__name__) is each}
    assert set(typing.get_args(AnyCommand)) == known


def answer_of(command: type) -> object:
    """The T of Command[T]."""
    (base,) = command.__orig_bases__  # type: ignore[attr-defined]  # of every class that names a generic base
    (answer,) = typing.get_args(base)
    return commands.Submitted if answer == typing.ForwardRef("Submitted") else answer


def test_each_command_is_answered_by_what_it_says() -> None:
    """What handles a command returns the T of its Command[T]; None, if the reactor keeps no answer."""
    cases = [each for each in ast.walk(ast.parse(inspect.getsource(reactor))) if isinstance(each, ast.match_case)]
    answers: dict[str, object] = {}
    for case in cases:
        if isinstance(case.pattern, ast.MatchClass) and isinstance(case.pattern.cls, ast.Name):
            (statement,) = case.body
            assert isinstance(statement, ast.Assign | ast.Expr)
            assert isinstance(statement.value, ast.Call)
            handler = eval_name(ast.unparse(statement.value.func))
            answer = typing.get_type_hints(handler)["return"] if isinstance(statement, ast.Assign) else type(None)
            assert case.pattern.cls.id not in answers
            answers[case.pattern.cls.id] = answer
    expected = {each.__name__: answer_of(each) for each in typing.get_args(AnyCommand) if each is not commands.Tick}
    assert answer_of(commands.Tick) is type(None)  # which needs no match
    assert answers == {name: type(None) if answer is None else answer for name, answer in expected.items()}


def eval_name(dotted: str) -> object:
    """Find what `module.function` means in the reactor."""
    module, function = dotted.split(".")
    return getattr(getattr(reactor, module), function)
