"""What stands between the network and the services: the server, the guard before every call, the way to a method."""
