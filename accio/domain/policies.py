"""The names of the orders in which a queue may be served."""

FIRST_COME = "first-come"
FAIR = "fair"
POLICIES = (FIRST_COME, FAIR)
