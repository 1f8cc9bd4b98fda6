"""The qualification kit: on a user's own installation, each stated requirement is checked and the results are written down."""
