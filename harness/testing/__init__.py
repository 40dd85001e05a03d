"""From a scenario to the result of its run, for tests: what the pytest plugin is made of.

Nothing here imports Locust. Every run is a child process.
"""
