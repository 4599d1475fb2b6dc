"""Pure decisions of the cases service: no clock, no I/O; time and identifiers come in as arguments."""
