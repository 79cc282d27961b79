"""The file itself: who may open it, whose it is, how far it has come."""
