"""Questions to the read database: filters, pages, and the reader that waits for a position before it answers."""
