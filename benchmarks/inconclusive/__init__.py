"""How often the verdict of one run is inconclusive or wrong, with the settings of a new user."""
