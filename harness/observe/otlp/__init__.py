"""OTLP requests of a service in, JSON lines of traces out."""
