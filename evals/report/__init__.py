"""Reports: a Result drawn on a terminal (`table`) or as one self-contained page (`html`). They know nothing of experiments."""
