"""From hospital records to a data set: one stage a file, over one workspace (`workspace.py`)."""
