"""What the assets service does by itself, one rule a file."""
