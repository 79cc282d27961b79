"""How an operator refuses an input: with a sentence for the user, and no traceback."""


class BadInputError(ValueError):
    """An input can't be used: it doesn't fit its port or, raised by an operator, has a value that it can't work with.

    The node fails with the cause *bad input* and this message, and isn't retried: it would only be refused again.
    """
