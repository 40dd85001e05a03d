"""Evidence goes in; the conditions under which its measurements may be trusted come out."""
