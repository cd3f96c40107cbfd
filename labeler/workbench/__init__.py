"""The rule author's workbench: what a set of rules does, as a whole and on a corpus."""
