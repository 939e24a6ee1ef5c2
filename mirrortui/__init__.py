"""RAID-1 in user space, on Linux MD's own on-disk format, with a face."""

__version__ = "0.1.0"
