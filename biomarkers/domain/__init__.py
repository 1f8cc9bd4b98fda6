"""Floor 2, words: frozen nouns and visible registries; no data."""
