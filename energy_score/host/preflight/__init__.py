"""What can be known before any GPU time is spent."""
