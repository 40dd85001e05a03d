"""From verdicts and evidence to text for people and programs; pure."""
