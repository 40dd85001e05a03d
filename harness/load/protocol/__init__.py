"""Messages go in, frames for a socket come out, and back; master and workers agree by them."""
