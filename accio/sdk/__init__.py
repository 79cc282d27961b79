"""Operators: how they are declared, found, identified and executed."""
