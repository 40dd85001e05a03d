"""The metric families of a service go in; the metric of each role comes out."""
