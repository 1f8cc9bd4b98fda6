"""Floor 3, reading: one file per format; files in, Table(rows, problems) out."""
