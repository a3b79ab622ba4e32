"""The learned selector: which passages, in what order and how many. A Plackett–Luce policy with STOP over pair vectors, and its training."""
