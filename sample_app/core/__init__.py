"""Settings, database, cache, errors and logs: what every layer stands on."""
