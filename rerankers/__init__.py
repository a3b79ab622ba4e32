"""Floor 2: what orders and cuts the candidates. Ranking, Selection, cut rules."""
