"""Pack runs into a bundle for submission, and check a bundle using only the file itself."""
