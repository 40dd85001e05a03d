"""From a judged run to its reports, one file a format."""
