"""Operators for the study of location privacy: sources, protection mechanisms, transformations and metrics.

`accio_locapriv.operators` declares them; the other modules are ordinary functions on columns of events.
docs/location-privacy.md describes the data and the operators.
"""
