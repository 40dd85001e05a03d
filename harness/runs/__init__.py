"""A run is a folder of standard formats: written as the run goes, read back to be judged."""
