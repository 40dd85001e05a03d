"""A plan and many runs of its scenarios go in; the answer to one question about them comes out."""
