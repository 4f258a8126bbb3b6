"""AI Energy Score batch runner: rates AI models by the GPU energy of inference."""

__version__ = "0.1.0"
