"""Object stores by their addresses, and what goes wrong with them in words of ours: what a server answers may quote
credentials, and is repeated nowhere.
"""

import os
from datetime import timedelta
from typing import Any

from accio.content.errors import StoreUnusable

SCHEMES = ("s3", "gs", "az")
_OPTIONS: Any = {"connect_timeout": "3s", "timeout": "60s"}
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=6)}

Remote = Any
"""A store of obstore."""


def is_object_store(text: str) -> bool:
    """Return whether a text is the address of an object store, as opposed to a path."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def open_remote(url: str) -> Remote:
    """Open an object store by its address, with credentials of the environment; raises StoreUnusable."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        raise StoreUnusable(
            f"the store {url} needs the Python package obstore: pip install 'accio-experiments[objects]'"
        ) from None
    options: Any = {**_OPTIONS, "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"true", "1"}}
    try:
        return from_url(url, client_options=options, retry_config=_RETRIES)
    except (BaseError, ValueError, TypeError) as error:
        raise StoreUnusable(f"the store {url} can't be opened: {reason_of(error)}") from None


def reason_of(error: Exception) -> str:
    """Return what went wrong, in words of ours: the code of the answer, or the kind of error."""
    text = str(error)
    if any(each in text for each in _ROLES):
        return "there are no credentials in the environment, and this machine has no role that gives some"
    for begin, end in (("<Code>", "</Code>"), ("status code: ", ":")):
        _, found, rest = text.partition(begin)
        code = rest.partition(end)[0].strip()
        if found and code.replace(" ", "").isalnum() and len(code) < 60:
            return code
    for told, words in _KINDS.items():
        if told in text:
            return words
    return type(error).__name__


_ROLES = ("http://169.254.169.254/", "metadata.google.internal", "/metadata/identity/")
"""Whom machines in a cloud ask for credentials; nobody is asked where the environment has some."""

_KINDS = {
    "error sending request": "it can't be reached",
    "BadScheme": "it isn't encrypted, which AWS_ALLOW_HTTP=true allows",
    "operation timed out": "it doesn't answer",
}
