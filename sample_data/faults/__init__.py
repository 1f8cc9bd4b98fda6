"""What goes wrong in the files of a trial, planted on purpose; `make_dirty.py` puts it into the twins."""
