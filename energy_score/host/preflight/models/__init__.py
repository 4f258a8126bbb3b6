"""What can be known of a model before its weights are downloaded: facts, read once, and rules over them."""
