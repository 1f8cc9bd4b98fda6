"""Floor 1, counting: arrays in, frozen results out; no pandas."""
