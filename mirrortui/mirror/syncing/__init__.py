"""Copying: what a member needs, from where, how fast, and what becomes of sectors that cannot be read."""
