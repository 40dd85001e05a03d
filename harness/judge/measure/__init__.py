"""Evidence and an indicator go in; its value over the window comes out."""
