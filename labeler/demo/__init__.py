"""A simulated hospital, of which everything is known: the pipeline can be tried, and held against the truth."""
