"""Static files: what kind they are, which version, and compressed copies of them."""
