"""From a box with a GPU to a public benchmark page whose every number can be believed."""

__version__ = "0.1.0"
