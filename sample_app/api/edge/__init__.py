"""What stands between the network and the routes: one pure ASGI middleware a file."""
