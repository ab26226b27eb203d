"""The built-in catalogue: a small band written in NumPy, and seven listeners."""
