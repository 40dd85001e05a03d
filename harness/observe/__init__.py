"""A target goes in; what its service, metrics and processes show comes out."""
