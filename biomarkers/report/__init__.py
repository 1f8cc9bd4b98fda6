"""Floor 7, reports: tidy results in, pages out; nothing is computed here."""
