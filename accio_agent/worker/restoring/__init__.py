"""How a worker becomes again what it was before an operator ran in it, or learns that it can't."""
