"""The parts of a batch: the plan, the ledger of run directories, and what users see."""
