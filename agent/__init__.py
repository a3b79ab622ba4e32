"""Floor 5, the face: Agent, Settings, the command line, the bundled demo corpus."""
