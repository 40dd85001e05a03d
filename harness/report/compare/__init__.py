"""From a comparison or a calibration to its reports, one file a format."""
