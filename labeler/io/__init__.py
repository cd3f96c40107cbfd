"""Reports in, labels out: sources, writers, decisions, and the run that joins them."""
