"""`harness capacity` beside a sweep of rates by a client that shares no code with it."""
