"""Floor 1, what the agent reaches for: passages, the corpus, search, the encoder, chat models, budgets."""
