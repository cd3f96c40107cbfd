"""From hospital records to a data set: one stage a file, over one workspace (`workspace.py`)."""

LISTS = (
    "studies", "collected", "views", "images", "reports", "pairs", "unmatched", "refused", "decisions", "conflicts",
)  # fmt: skip
