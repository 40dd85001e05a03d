"""What several commands share: options, inputs that options name, and outputs."""
