"""What was recorded goes in, a folder of standard formats comes out, and back."""
