"""The demonstration: the manifesto's five worked examples, played through the public API only."""
