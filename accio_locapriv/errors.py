"""What goes wrong with the data or the options that an operator is given; the message is for people."""

from accio import BadInputError


class DataError(BadInputError):
    """The input isn't the dataset, or the value, that the operator expects."""
