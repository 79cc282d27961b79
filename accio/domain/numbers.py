"""Reading numbers exactly, whether JSON numbers or texts of one.

Whole numbers stay integers and all others Decimal, so that nothing is lost before the type of the value is known.
"""

import re
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from accio.domain.datatypes import Kind
from accio.domain.problems import ValueProblem, quote
from accio.late import dataclass

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER = re.compile(NUMBER, re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
MAX_DIGITS = 1000
# Beyond these powers of ten no type holds a number, and decimal arithmetic on it might not end well.
_MAX_MAGNITUDE = 5000
_EXACT_IN_DOUBLE = 2**53
_EXACT_IN_LONG = 2**63

# Wide enough that products of two numbers of a definition are exact; a result that isn't is refused by who needs it.
EXACT = Context(prec=2 * MAX_DIGITS + 50)

INTEGER_RANGE = {
    Kind.BYTE: (-(2**7), 2**7 - 1),
    Kind.INTEGER: (-(2**31), 2**31 - 1),
    Kind.LONG: (-(2**63), 2**63 - 1),
}


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written: its exact value, and whether it was written without point and exponent."""

    exact: Decimal
    whole: bool


def number_of_text(text: str) -> Number | None:
    """Read a number, white space around it tolerated; None if it isn't one."""
    text = text.strip()
    if len(text) > MAX_DIGITS or _NUMBER.fullmatch(text) is None:
        return None
    try:
        exact = Decimal(text)
    except InvalidOperation:  # an exponent beyond what Decimal has
        return None
    return Number(exact, _WHOLE.fullmatch(text) is not None) if abs(exact.adjusted()) <= _MAX_MAGNITUDE else None


def number_of_json(value: Any) -> Number | None:
    """Read a JSON number or the text of one; None if it is neither, or not finite."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return number_of_text(value)
    if isinstance(value, int):
        return Number(Decimal(value), whole=True) if value.bit_length() < MAX_DIGITS else None
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= _MAX_MAGNITUDE:
        return Number(value, whole=False)
    return None


def whole_number(value: Any, least: int, most: int | None = None, *, of: str = "", or_else: str = "") -> int:
    """Return a JSON number without a fraction, as 2, 2.0 or 2e0; a ValueProblem unless it is within *least* to *most*.

    A text of one is none: only values of parameters may be that. *of* and *or_else* complete what the error says was
    expected: whole numbers of what, and what else may stand there.
    """
    number = None if isinstance(value, str | int) else number_of_json(value)
    whole = value
    if number is not None and abs(number.exact) < _EXACT_IN_LONG and number.exact == number.exact.to_integral_value():
        whole = int(number.exact)
    if isinstance(whole, int) and not isinstance(whole, bool) and whole >= least and (most is None or whole <= most):
        return whole
    bounds = f"{least} or more" if most is None else f"{least} to {most}"
    raise ValueProblem(f"expected a whole number{of}, {bounds}{or_else}, found {quote(value)}")


def integer(kind: Kind, value: Any) -> int:
    """Read a byte, integer or long; a fraction or a number out of range is a ValueProblem."""
    low, high = INTEGER_RANGE[kind]
    if type(value) is int and low <= value <= high:  # nearly always, and there may be very many
        return value
    number = number_of_json(value)
    if number is None:
        raise ValueProblem(f"expected {kind} (a whole number), found {quote(value)}")
    if not low <= number.exact <= high:
        raise ValueProblem(f"expected {kind} ({low} to {high}), found {quote(value)}, which is out of range")
    if number.exact != number.exact.to_integral_value():
        raise ValueProblem(f"expected {kind} (a whole number), found {quote(value)}, which has a fraction")
    return int(number.exact)


def seed_number(value: Any) -> int:
    """Read a seed; what is no integer of 64 bits is a ValueProblem."""
    try:
        return integer(Kind.LONG, value)
    except ValueProblem:
        raise ValueProblem(f"expected a seed (a 64-bit integer), found {quote(value)}") from None


def finite_double(value: Any, type_name: str = "double") -> float:
    """Read a double; infinities, NaN and whole numbers that a double can't hold exactly are ValueProblems."""
    if type(value) is int and -_EXACT_IN_DOUBLE <= value <= _EXACT_IN_DOUBLE:
        return float(value)
    number = number_of_json(value)
    if number is None:
        raise ValueProblem(f"expected {type_name} (a finite number), found {quote(value)}")
    return nearest_double(number, value, type_name)


def nearest_double(number: Number, found: Any, type_name: str = "double") -> float:
    """Return the double for a number that was written as *found*."""
    double = float(number.exact)
    if double in (float("inf"), float("-inf")):
        raise ValueProblem(f"expected {type_name}, found {quote(found)}, which is too large for a double")
    if number.whole and Decimal(double) != number.exact:
        raise ValueProblem(
            f"expected {type_name}, found {quote(found)}, a whole number that a double can't hold exactly "
            f"(the nearest is {int(double)}; write {int(double)}.0 if you mean that)",
        )
    return double
