"""Training of the pair model: examples, losses, the trainer."""
