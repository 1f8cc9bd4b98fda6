"""Floor 4, the study: reconciled subjects, draws by date, and analysis sets with their ledger."""
