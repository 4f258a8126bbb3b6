"""The ten tasks on the local device, by the Auto classes of transformers and the pipelines of diffusers."""
