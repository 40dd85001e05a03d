"""A request of a locustfile goes in, its response comes out: FastUser and its HTTP client."""
