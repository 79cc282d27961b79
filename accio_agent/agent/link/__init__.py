"""The agent's connections to the daemon: the session, what waits to be sent, content by digest."""
