"""Information on model files from their headers: tensors, parameters, size when loaded."""
