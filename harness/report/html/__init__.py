"""From a judged run, a comparison or stored runs to one self-contained HTML page."""
