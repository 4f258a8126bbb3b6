"""The ten tasks on the local device, with transformers' Auto classes and diffusers' pipelines."""
