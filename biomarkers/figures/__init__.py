"""Floor 7, figures: tidy tables in, axes out; nothing is computed here."""
