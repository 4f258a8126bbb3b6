"""The rules: pure functions of a model's facts and of what a row needs."""
