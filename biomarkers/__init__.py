"""Correlative analysis of clinical trials."""
