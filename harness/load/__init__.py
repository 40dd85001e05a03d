"""A scenario goes in; reports of what the load generators sent and recorded come out."""
