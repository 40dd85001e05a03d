"""The gate run against itself: how often it cries wolf, and how often it sleeps."""
