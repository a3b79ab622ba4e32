"""Floor 3, the state machine: its state, one file per node, and the wiring in `rag.py`."""
