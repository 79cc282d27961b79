"""The agent's ends of its templates and workers: start them, watch them, kill them."""
