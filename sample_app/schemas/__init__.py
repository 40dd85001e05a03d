"""What crosses the border, in and out."""
