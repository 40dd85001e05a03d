"""Options go in; plans, terminals, files and servers come out: what several commands share."""
