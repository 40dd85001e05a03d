"""Small services in other frameworks, with the metrics exporter that their users install."""
