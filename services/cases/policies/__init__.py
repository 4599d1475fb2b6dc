"""Rules that answer an event with one of this service's commands; one rule a file, named for what it does."""
