"""A request of a locustfile goes in, its answer comes out: FastUser, our HTTP client."""
