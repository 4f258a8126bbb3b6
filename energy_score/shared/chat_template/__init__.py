"""What a model's chat template says of its reasoning: asked by rendering, in a child process with limits."""
