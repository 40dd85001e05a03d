"""The middleware between the network and the routes: one pure ASGI middleware per file."""
