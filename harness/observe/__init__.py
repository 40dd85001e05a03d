"""A target goes in; its running service, metrics and resource usage come out."""
