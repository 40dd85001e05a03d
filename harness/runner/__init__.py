"""A plan, a scenario and an empty folder go in; one run is made, and its folder holds it."""
