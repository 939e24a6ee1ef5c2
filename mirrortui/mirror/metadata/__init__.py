"""Superblocks and bitmaps while the mirror runs: what is wanted on disk, who writes it, when bits go."""
