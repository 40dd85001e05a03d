"""All database queries."""
