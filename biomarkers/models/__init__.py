"""Floor 5, models: labels on, labels off; each calls a kernel."""
