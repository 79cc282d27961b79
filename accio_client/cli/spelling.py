"""Options with one dash or two, `-x=v` or `-x v`, booleans `-x`, `-nox`, `--no-x`, anywhere before `--`; rewritten to
what click reads.

Dashes inside a name don't count either: `-dryrun` and `--dry-run` are one option.
"""

from collections.abc import Sequence

import click

_TRUE, _FALSE = frozenset({"true", "t", "yes", "y", "1"}), frozenset({"false", "f", "no", "n", "0"})


def rewrite(arguments: Sequence[str], parameters: Sequence[click.Parameter]) -> list[str]:
    """Return *arguments* with every option as `--name` or `--name=value`, then `--`, then the rest; UsageError for
    unknown ones.
    """
    positive, negative = _names(parameters)
    options: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest.extend(remaining)
        elif not argument.startswith("-") or argument == "-":
            rest.append(argument)
        else:
            name, equal, value = argument.lstrip("-").partition("=")
            wanted = name.replace("-", "")
            if wanted in positive and not positive[wanted].is_flag:
                options.append(_with_value(positive[wanted], argument, value if equal else next(remaining, None)))
            elif wanted in positive:
                options.append(_flag(positive[wanted], argument, on=True, value=value if equal else None))
            elif wanted in negative:
                options.append(_flag(negative[wanted], argument, on=False, value=value if equal else None))
            else:
                raise click.UsageError(_unknown(argument, wanted, [*positive, *negative]))
    return [*options, "--", *rest]


def _names(parameters: Sequence[click.Parameter]) -> tuple[dict[str, click.Option], dict[str, click.Option]]:
    """Return each option by its names without dashes, and the flags by those that switch them off."""
    positive: dict[str, click.Option] = {}
    negative: dict[str, click.Option] = {}
    for option in parameters:
        if isinstance(option, click.Option):
            positive.update((name.replace("-", ""), option) for name in option.opts)
            negative.update((name.replace("-", ""), option) for name in option.secondary_opts)
    return positive, negative


def _with_value(option: click.Option, argument: str, value: str | None) -> str:
    if value is None:
        raise click.UsageError(f"the option {argument} needs a value: {argument}={option.make_metavar(_CONTEXT)}")
    return f"{_long(option.opts)}={value}"


def _flag(option: click.Option, argument: str, *, on: bool, value: str | None) -> str:
    if value is not None:
        if value.lower() not in _TRUE | _FALSE:
            raise click.UsageError(f"the option {argument.partition('=')[0]} is a switch and takes no value {value!r}")
        on = on == (value.lower() in _TRUE)
    if on:
        return _long(option.opts)
    if not option.secondary_opts:
        raise click.UsageError(f"the option {argument} can't be switched off")
    return _long(option.secondary_opts)


def _long(names: Sequence[str]) -> str:
    return max(names, key=len)


def _unknown(argument: str, wanted: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    shown = argument.partition("=")[0]
    close = get_close_matches(wanted, known, n=1)
    return f"there is no option {shown}" + (f"; did you mean -{close[0]}?" if close else "")


_CONTEXT = click.Context(click.Command("accio"))
