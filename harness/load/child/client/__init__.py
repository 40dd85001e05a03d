"""The client of FastHttpUser does the same as Locust's, with less CPU time."""
