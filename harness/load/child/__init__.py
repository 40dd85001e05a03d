"""What runs inside the generator's process, beside Locust; only there may locust be imported."""
