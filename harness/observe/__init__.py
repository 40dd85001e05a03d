"""The service under load: its life, its metrics, its processes."""
