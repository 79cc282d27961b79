"""Who may do what: kinds of token, callers, and the one table of which kind may make which call.

Pure: the daemon's guard asks it before each call, and whatever changes something that has an owner asks it, too. Its
answers are sentences: who one is, what is needed, and how to get it; empty where nothing stands in the way.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from accio.domain.people import Person
from accio.late import dataclass


class TokenKind(StrEnum):
    """What a token is for."""

    USER = "user"
    AGENT = "agent"
    POOL = "pool"
    ADMIN = "admin"


Kinds = frozenset[TokenKind]

NOBODY: Kinds = frozenset()
ANY: Kinds = frozenset(TokenKind)
ADMINS: Kinds = frozenset({TokenKind.ADMIN})
PEOPLE: Kinds = ADMINS | {TokenKind.USER}
AGENTS: Kinds = frozenset({TokenKind.AGENT})

_ACCIO, _AGENTS, _ARTIFACTS = "/accio.v1.Accio/", "/accio.v1.Agents/", "/accio.v1.Artifacts/"
_POOLS = "/accio.v1.Pools/"
_HEALTH = "/grpc.health.v1.Health/"
_REFLECTIONS = ("/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/")

MAY_CALL: Mapping[str, Kinds] = {
    # What people see, and what is theirs alone: who owns it is asked besides.
    **dict.fromkeys(
        (
            *(f"{_ACCIO}{workflow}" for workflow in ("PushWorkflow", "ValidateWorkflow", "GetWorkflow")),
            *(f"{_ACCIO}{workflow}" for workflow in ("ListWorkflows", "DeleteWorkflow")),
            *(f"{_ACCIO}{submission}" for submission in ("Submit", "SubmitAndWatch", "SubmitAndWatchEach")),
            *(f"{_ACCIO}{submission}" for submission in ("Validate", "DryRun")),
            *(
                f"{_ACCIO}{run}"
                for run in ("Get", "GetNode", "List", "Watch", "Export", "Columns", "Measure", "CountNodes")
            ),
            *(f"{_ACCIO}{told}" for told in ("Logs", "Why")),
            *(f"{_ACCIO}{run}" for run in ("Events", "CompareOperators", "UpdateMetadata", "Kill", "Delete", "Retry")),
            *(f"{_ACCIO}{cluster}" for cluster in ("ListOperators", "GetOperator", "ListAgents", "GetClusterState")),
            *(
                f"{_ACCIO}{seen}"
                for seen in ("GetWorkload", "GetTimeline", "GetCache", "Feed", "ListOwners", "ListWindows", "GetUsage")
            ),
            *(f"{_POOLS}{pools}" for pools in ("ListPools", "ListAllocations")),
        ),
        PEOPLE,
    ),
    # What concerns everybody.
    **dict.fromkeys(
        (
            *(f"{_ACCIO}{agent}" for agent in ("DrainAgent", "RemoveAgent")),
            *(f"{_ACCIO}{kept}" for kept in ("CollectGarbage", "RemoveFromCache", "Backup", "ListChanges")),
            *(f"{_ACCIO}{change}" for change in ("ChangeCap", "AddWindow", "RemoveWindow")),
            f"{_POOLS}ChangePool",
        ),
        ADMINS,
    ),
    # What a pool may make is narrower than what an administrator may; people see and revoke their own.
    f"{_ACCIO}CreateToken": ADMINS | {TokenKind.POOL},
    f"{_ACCIO}ListTokens": PEOPLE | {TokenKind.POOL},
    f"{_ACCIO}RevokeToken": PEOPLE | {TokenKind.POOL},
    f"{_AGENTS}Connect": AGENTS,
    f"{_POOLS}Serve": ADMINS | {TokenKind.POOL},
    **dict.fromkeys((f"{_ARTIFACTS}{content}" for content in ("Missing", "Write", "Read", "Locate")), PEOPLE | AGENTS),
    **dict.fromkeys((f"{_HEALTH}{health}" for health in ("Check", "List", "Watch")), ANY),
    **dict.fromkeys((f"{reflection}ServerReflectionInfo" for reflection in _REFLECTIONS), PEOPLE),
}
"""Who may make a call, by its path. A server that offers a call which isn't here doesn't start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a call.

    `person` is whom the token identifies (None: one of the token file without a name), `claimed` who the caller says it
    is, which counts only where the token doesn't tell. `token` is the token's number, 0 for one of the file.
    """

    kinds: Kinds
    person: Person | None = None
    claimed: Person | None = None
    token: int = 0
    groups: frozenset[str] = frozenset()

    @property
    def who(self) -> Person:
        """The calling person, as far as anybody knows."""
        return self.person or self.claimed or Person(name="anonymous")

    @property
    def is_admin(self) -> bool:
        """Whether nothing is anybody else's."""
        return TokenKind.ADMIN in self.kinds

    def claiming(self, person: Person | None) -> "Caller":
        """Return the caller of a request that says whose it is."""
        return self if person is None else replace(self, claimed=person)

    def __str__(self) -> str:
        """Return who it is, for messages."""
        kind = next((kind for kind in _AN if kind in self.kinds), None)
        return f"{self.who}, with {'no token' if kind is None else f'{_AN[kind]} token'}"


_AN = {
    TokenKind.ADMIN: "an administrator's",
    TokenKind.USER: "a user's",
    TokenKind.POOL: "a pool's",
    TokenKind.AGENT: "an agent's",
}

_DEEDS = {
    "DrainAgent": "drain an agent",
    "RemoveAgent": "remove an agent",
    "CollectGarbage": "collect garbage",
    "RemoveFromCache": "take results out of the cache",
    "Backup": "back up the database",
    "ListChanges": "see who changed what",
    "ChangeCap": "set caps",
    "AddWindow": "announce a window of agents",
    "RemoveWindow": "take a window of agents back",
    "ChangePool": "pause, resume or scale a pool",
    "CreateToken": "make a token",
    "Connect": "be an agent",
    "Serve": "serve pools",
}
"""What calls do that not everybody may make."""

UNKNOWN = Caller(kinds=NOBODY)
"""Who nobody has looked at yet: may do nothing."""


def why_not_call(caller: Caller, path: str) -> str:
    """Say why a caller may not make a call; empty if it may, and for calls that there aren't."""
    allowed = MAY_CALL.get(path, caller.kinds)
    if caller.kinds & allowed or not allowed:
        return ""
    needed = " or ".join(f"{_AN[kind]} token" for kind in TokenKind if kind in allowed)
    of_people = [kind for kind in (TokenKind.USER, TokenKind.ADMIN) if kind in allowed]
    kind = next(kind for kind in (*of_people, *TokenKind) if kind in allowed)
    return (
        f"{in_words(path)} takes {needed}, and you are {caller}; an administrator makes one with "
        f"`accio token create -kind={kind}`"
    )


def in_words(path: str) -> str:
    """Return what a call is for, to people who do not know it by its name."""
    name = path.rpartition("/")[2]
    return f"to {_DEEDS[name]}" if name in _DEEDS else f"this ({name})"


def is_same(one: Person, other: Person) -> bool:
    """Return whether two texts mean one person: by address, if either has one, else by name."""
    if one.email or other.email:
        return one.email.casefold() == other.email.casefold()
    return one.name == other.name


def why_not_change(caller: Caller, owner: Person, groups: frozenset[str], deed: str, subject: str) -> str:
    """Say why a caller may not do a *deed* to what somebody owns who is in these groups; empty if he may."""
    if caller.is_admin or is_same(caller.who, owner) or caller.groups & groups:
        return ""
    members = f", members of {' or '.join(sorted(groups))}" if groups else ""
    return (
        f"{subject} is {owner}'s, and you are {caller}: only its owner{members} and administrators may {deed} it; ask "
        "one of them"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks: `me` is whose newest run is called `last`; *seen* is whose runs are shown, None for everybody's."""

    me: Person
    seen: tuple[Person, ...] | None = None

    def sees(self, owner: Person) -> bool:
        """Return whether runs of an owner are shown."""
        return self.seen is None or any(is_same(each, owner) for each in self.seen)
