"""The cases. A new file here is picked up by itself."""
