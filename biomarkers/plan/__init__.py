"""Floor 6, asking: one question is one Analysis; the notebook and the plan build the same object."""
