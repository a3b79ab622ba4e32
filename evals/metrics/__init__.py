"""One family of metrics a file, all plain functions: support, ranking, calibration, and the bootstrap intervals of any of them."""
