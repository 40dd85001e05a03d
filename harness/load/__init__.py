"""The load generator: Locust in a child process, driven and recorded by the harness."""
