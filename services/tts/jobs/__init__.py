"""Jobs: their records, where those are kept, and running them."""
