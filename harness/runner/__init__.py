"""A plan, a scenario and a new run folder go in; the folder of one run comes out."""
