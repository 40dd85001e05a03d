"""A locustfile and its arguments go in, a Locust environment with a runner comes out."""
