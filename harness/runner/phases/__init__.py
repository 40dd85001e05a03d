"""The parts of a run: the load that is judged, and what is recorded after it."""
