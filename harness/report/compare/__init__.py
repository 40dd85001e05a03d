"""A comparison or a calibration goes in; its reports come out, a file a format."""
