"""What a client asks, by subject; `accio_client.client.AsyncClient` is all of it together."""
