"""What may be shown to whom: labels over sealed fields, opening them for callers, and exports that respect them."""
