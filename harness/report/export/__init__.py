"""Past runs go in; text in the format of another tool comes out."""
