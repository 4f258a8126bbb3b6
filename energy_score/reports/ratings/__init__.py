"""Stars: what they are relative to, who gets how many, and how they change from snapshot to snapshot."""
