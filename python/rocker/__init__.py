"""A container engine you can import."""
