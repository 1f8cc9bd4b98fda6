"""Figures: tidy tables in, matplotlib axes out; the only room in which matplotlib is at home."""
