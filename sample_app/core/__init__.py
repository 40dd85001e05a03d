"""Settings, database, cache, errors and logs: used by all layers."""
