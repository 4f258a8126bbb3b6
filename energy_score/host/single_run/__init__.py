"""One model with Hydra-style arguments: ``key=value`` pairs become the configuration and options of one run."""
