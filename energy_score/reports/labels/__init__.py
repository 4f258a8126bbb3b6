"""The label of a rated model, and a small badge, as SVG without fonts and as PNG."""
