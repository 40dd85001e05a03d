"""Single requests, scrapes and times of a run go in, lines of its files come out, and back."""
