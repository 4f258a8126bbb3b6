"""What weight files hold, told from their headers: tensors, parameters, bytes once loaded."""
