"""HTTP that goes out to servers of others: to addresses within reach only, within limits of bytes and time."""
