"""What the agent, its templates and its workers say to each other. Both sides import this, and neither the other."""
