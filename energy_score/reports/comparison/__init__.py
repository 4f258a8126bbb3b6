"""Compare runs: the modes of a model, two models, or the same models before and after."""
