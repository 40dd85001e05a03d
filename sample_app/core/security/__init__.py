"""Password hashes, tokens and roles."""
