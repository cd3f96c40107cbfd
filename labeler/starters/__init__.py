"""First rule sets for `vnlabel rules new`: folders of YAML, each sound as it stands."""
