"""Operators: how they are declared, found, identified and executed.

What operators are written with is offered by `accio` itself; the modules here are for those who run them.
"""

__all__: list[str] = []
