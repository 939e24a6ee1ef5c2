"""What runs inside a guest: a Python of its own, on a disk (python_disk.py)."""
