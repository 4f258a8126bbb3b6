"""Model checks before the weights are downloaded: facts, read once, and rules that use them."""
