"""harness: a load-testing gate that puts a service under load, watches it, and judges it."""
