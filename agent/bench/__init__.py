"""Speed against a named peer, in one run on one machine: each file a `run` that returns numbers, printed by `passel bench`."""
