"""Runs side by side: the modes of a model, two models, and the same models then and now."""
