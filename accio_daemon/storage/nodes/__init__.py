"""Children and nodes, as they are listed, counted and looked at."""
