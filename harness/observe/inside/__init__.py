"""Code that runs within a service that is started once more for a diagnosis."""
