"""`@operator`: makes an operator of a function, or of a class with a method `run`.

What is decorated stays what it was: a function that can be called, a class that can be instantiated. The declaration
hangs on it as an attribute, and says only what can be read off at once; digests are `accio.sdk.digest`'s matter.
"""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar, overload

from accio.domain.issues import Issue, pointer
from accio.domain.names import NODE_RULE, is_operator_name
from accio.domain.problems import ValueProblem
from accio.domain.quantities import Duration
from accio.errors import InvalidDefinition
from accio.late import dataclass
from accio.sdk.docstrings import describe
from accio.sdk.encoding import Encoder
from accio.sdk.environments.functions import why_no_environment, why_no_image
from accio.sdk.options import Limits, option_issues, read_limits
from accio.sdk.records import MISSING, RecordInput
from accio.sdk.signature import Input, Output, Signature, read_signature

Target = TypeVar("Target", bound=Callable[..., Any])

ATTRIBUTE = "__accio_operator__"
RUN = "run"

_declared: "dict[str, list[Declaration]]" = {}  # by the name of the module that defines what was decorated


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """An operator as it was declared in Python."""

    name: str
    target: Callable[..., Any]
    takes_context: bool
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    record: type | None
    records: tuple[RecordInput, ...]
    unstable: bool
    category: str
    help: str
    deprecated: str | None
    version: str | None
    files: tuple[str, ...]
    isolated: bool
    python: str | Mapping[str, str] | None
    image: str | None
    limits: Limits

    @property
    def is_class(self) -> bool:
        """Whether each execution makes an instance and calls its `run`."""
        return isinstance(self.target, type)

    @property
    def function(self) -> Callable[..., Any]:
        """The function that computes; of a class, its `run` (without an instance)."""
        return getattr(self.target, RUN) if self.is_class else self.target


@overload
def operator(target: Target, /) -> Target: ...


@overload
def operator(
    *,
    name: str | None = None,
    unstable: bool = False,
    cpus: float = 1,
    memory: int | str | None = None,
    disk: int | str | None = None,
    gpus: int = 0,
    resources: Mapping[str, int] | None = None,
    category: str = "",
    deprecated: str | None = None,
    version: str | None = None,
    files: Sequence[str | os.PathLike[str]] = (),
    timeout: str | Duration | None = None,
    retries: int = 0,
    retry_backoff: str | Duration | None = None,
    retry_memory: float | None = None,
    memory_limit: int | str | None = None,
    isolated: bool = False,
    python: str | Mapping[str, str] | None = None,
    image: str | None = None,
    help: str | None = None,
) -> Callable[[Target], Target]: ...


def operator(
    target: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    unstable: bool = False,
    cpus: float = 1,
    memory: int | str | None = None,
    disk: int | str | None = None,
    gpus: int = 0,
    resources: Mapping[str, int] | None = None,
    category: str = "",
    deprecated: str | None = None,
    version: str | None = None,
    files: Sequence[str | os.PathLike[str]] = (),
    timeout: str | Duration | None = None,
    retries: int = 0,
    retry_backoff: str | Duration | None = None,
    retry_memory: float | None = None,
    memory_limit: int | str | None = None,
    isolated: bool = False,
    python: str | Mapping[str, str] | None = None,
    image: str | None = None,
    help: str | None = None,  # noqa: A002 - the word that ports and workflows use
) -> Any:
    """Declare an operator; docs/operators.md describes every option.

    Raises InvalidDefinition with everything that is wrong, naming the operator and the port.
    """
    limits, issues = read_limits(
        resources=_resources(cpus, memory, disk, gpus, resources), timeout=timeout, retries=retries,
        retry_backoff=retry_backoff, retry_memory=retry_memory, memory_limit=memory_limit,
    )  # fmt: skip
    texts = {"name": name, "category": category, "help": help, "deprecated": deprecated, "version": version}
    issues += option_issues(texts, {"unstable": unstable, "isolated": isolated}, files)
    issues += _environment_issues(python, image)

    def declare(decorated: Target) -> Target:
        _check_target(decorated, name)
        own_name = name if name and isinstance(name, str) else decorated.__name__
        declaration = _declare(
            decorated, own_name, help, files, issues, unstable=unstable, category=category, deprecated=deprecated,
            version=version, isolated=isolated, python=python, image=image, limits=limits,
        )  # fmt: skip
        setattr(decorated, ATTRIBUTE, declaration)
        _declared.setdefault(getattr(decorated, "__module__", None) or "", []).append(declaration)
        return decorated

    return declare if target is None else declare(target)


def declared() -> "Iterator[tuple[ModuleType, Sequence[Declaration]]]":
    """Return all modules that have declared operators, with those included to which no name leads any more."""
    for name, declarations in list(_declared.items()):
        module = sys.modules.get(name)
        if module is not None:
            yield module, tuple(declarations)


def declaration_of(thing: object) -> Declaration | None:
    """Return the declaration of a decorated function or class, or None. An undecorated subclass has none."""
    own = vars(thing) if isinstance(thing, type) else getattr(thing, "__dict__", {})
    found = own.get(ATTRIBUTE)
    return found if isinstance(found, Declaration) else None


def _check_target(target: object, name: str | None) -> None:
    label = name or getattr(target, "__name__", None)
    if isinstance(target, type):
        if not callable(getattr(target, RUN, None)):
            raise InvalidDefinition([Issue("", f"operator {label}: the class has no method 'run'")])
    elif not callable(target):
        message = f"@operator decorates a function or a class with a method 'run', found a {type(target).__name__}"
        raise InvalidDefinition([Issue("", message)])
    elif not hasattr(target, "__dict__"):
        raise InvalidDefinition(
            [Issue("", f"operator {label}: a compiled function can't be decorated; wrap it in a Python function")]
        )
    if label is None:
        raise InvalidDefinition([Issue("/name", f"@operator: {target!r} has no name; give one with name=")])


def _declare(
    target: Callable[..., Any],
    name: str,
    help_text: str | None,
    files: Sequence[str | os.PathLike[str]],
    issues_of_options: Sequence[Issue],
    **options: Any,
) -> Declaration:
    """Return the declaration of *target*; *options* are those fields of it that are as they were given."""
    is_class = isinstance(target, type)
    function = getattr(target, RUN) if is_class else target
    signature = read_signature(function, is_method=is_class, docstring=target.__doc__)
    issues = [*_name_issues(name), *signature.issues, *_constructor_issues(target), *issues_of_options]
    issues += _default_issues(signature)
    if options["version"] == "":
        issues.append(
            Issue("/version", "the version is empty; leave it out, or say something that changes with the code")
        )
    if issues:
        raise InvalidDefinition(Issue(issue.path, f"operator {name}: {issue.message}") for issue in issues)
    if help_text is None:
        help_text = describe(target.__doc__).summary or describe(function.__doc__).summary
    return Declaration(
        name=name,
        target=target,
        takes_context=signature.takes_context,
        inputs=signature.inputs,
        outputs=signature.outputs,
        record=signature.record,
        records=signature.records,
        help=help_text,
        files=tuple(os.fspath(each) for each in files),
        **options,
    )


def _environment_issues(python: object, image: object) -> list[Issue]:
    issues = []
    if python is not None and (problem := why_no_environment(python)):
        issues.append(Issue(pointer("python"), problem))
    if image is not None and (problem := why_no_image(image)):
        issues.append(Issue(pointer("image"), problem))
    if image is not None and python is not None:
        issues.append(Issue(pointer("python"), "an image has its own Python: name one of `image` and `python`"))
    return issues


def _resources(
    cpus: float, memory: int | str | None, disk: int | str | None, gpus: int, counters: Mapping[str, int] | None
) -> dict[str, Any]:
    """Return the JSON form of a demand."""
    given = {"cpus": cpus, "memory": memory, "disk": disk, "gpus": gpus, "custom": counters or {}}
    return {key: value for key, value in given.items() if value is not None}


def _default_issues(signature: Signature) -> list[Issue]:
    issues = []
    for port in signature.inputs:
        try:
            default_text(port)
        except ValueProblem as problem:
            message = f"the default of input '{port.name}' is no {port.hint.type}: {problem.message}"
            issues.append(Issue(pointer("inputs", port.name), message))
    return issues


def default_text(port: Input) -> str | None:
    """Return an input's default in canonical text, or None without one; ValueProblem if it isn't of the type."""
    if port.default is MISSING:
        return None
    return Encoder(None).encode(port.hint.type, port.default)


def _name_issues(name: str) -> list[Issue]:
    if is_operator_name(name):
        return []
    return [Issue("/name", f"the name {name!r} is illegal; names are {NODE_RULE}; give another with name=")]


def _constructor_issues(target: Callable[..., Any]) -> list[Issue]:
    if not isinstance(target, type):
        return []
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return []
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    if not needed:
        return []
    return [
        Issue("", f"its constructor needs {', '.join(needed)}, but it is made without arguments for each execution")
    ]
