"""What the bytes on a member mean: superblock, bitmap, bad-block log, layout. No I/O here."""
