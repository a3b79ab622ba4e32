"""Floor 4: evaluation. Data sets, metrics, experiments, reports. Runs what the lower floors are, and knows nothing of the command line."""
