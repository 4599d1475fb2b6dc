"""What the service does by itself when something was recorded, one rule a file."""
