"""Reports of Locust workers on other machines go in; one master's frames come out."""
