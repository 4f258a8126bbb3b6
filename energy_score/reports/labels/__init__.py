"""The label of a rated model, and a small badge: SVG without fonts, and PNG."""
