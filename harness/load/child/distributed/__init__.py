"""Reports of Locust workers go in, frames of one master come out."""
