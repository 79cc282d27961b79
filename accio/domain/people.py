"""People, as `Name <email>`."""

import re
from dataclasses import dataclass

from accio.domain.jsontypes import JsonObject
from accio.domain.problems import ValueProblem, quote

_PERSON = re.compile(r"\s*([^<>]*?)\s*<\s*([^<>\s]+@[^<>\s]+)\s*>\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who owns a workflow or a run; the address is empty where it isn't known."""

    name: str
    email: str = ""

    def __str__(self) -> str:
        """Give the form that `parse_person` reads."""
        if not self.email:
            return self.name
        return f"{self.name} <{self.email}>" if self.name else f"<{self.email}>"

    def to_json(self) -> JsonObject:
        """Give the form of SPEC §13."""
        return {"name": self.name, "email": self.email}


def parse_person(text: str) -> Person:
    """Read `Name <email>`, or a name alone."""
    match = _PERSON.fullmatch(text)
    if match is not None:
        return Person(name=match[1], email=match[2])
    name = text.strip()
    if not name or "<" in name or ">" in name or not name.isprintable():
        raise ValueProblem(f"expected an owner as 'Name <email>', found {quote(text)}")
    return Person(name=name)
