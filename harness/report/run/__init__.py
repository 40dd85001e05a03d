"""A judged run goes in; its reports come out, a file a format."""
