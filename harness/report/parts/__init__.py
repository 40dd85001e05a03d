"""Values go in; the pieces of text that several reports share come out."""
