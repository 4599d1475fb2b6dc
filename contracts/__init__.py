"""What may never break: identifiers, errors, labels, events and the wire. Imports no I/O library."""
