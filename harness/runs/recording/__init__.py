"""The recording of a diagnosis goes in and comes out, in the files of a run folder."""
