"""Laid beside the sample app: what its background processes do."""
