"""People, as `Name <email>`."""

from accio.domain.jsontypes import JsonObject
from accio.domain.problems import ValueProblem, quote
from accio.late import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who owns a workflow or a run; the address is empty where it isn't known."""

    name: str
    email: str = ""

    def __str__(self) -> str:
        """Return the form that `parse_person` reads."""
        if not self.email:
            return self.name
        return f"{self.name} <{self.email}>" if self.name else f"<{self.email}>"

    def to_json(self) -> JsonObject:
        """Return the object that `--json` prints."""
        return {"name": self.name, "email": self.email}


def parse_person(text: str) -> Person:
    """Read `Name <email>`, or a name alone. Its time is linear in the text's length, whatever the text is."""
    trimmed = text.strip()
    name, opened, rest = trimmed.partition("<")
    name, email = name.strip(), rest[:-1].strip()
    if opened and rest.endswith(">") and ">" not in name and _is_address(email):
        return Person(name=name, email=email)
    if opened or not name or ">" in name or not name.isprintable():
        raise ValueProblem(f"expected an owner as 'Name <email>', found {quote(text)}")
    return Person(name=name)


def _is_address(text: str) -> bool:
    """Return whether a text could be an address: something before and behind an '@', no brackets, nothing blank."""
    inner = text[1:-1]
    return "@" in inner and "<" not in text and ">" not in text and len(text.split()) == 1
