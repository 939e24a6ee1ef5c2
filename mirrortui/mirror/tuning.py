"""What a mirror does by numbers: sizes, delays and limits, which tests and the simulated world scale."""

from __future__ import annotations

from dataclasses import dataclass

from mirrortui.mirror.assembly.decide import LEAST_CHUNK


@dataclass(frozen=True, slots=True)
class Tuning:
    """Times and sizes that the simulator scales down."""

    daemon_delay: float = 5.0
    """Seconds between passes that clear bits; a chunk idle for two of them is cleared."""
    bucket_shift: int = 16
    """log2 of the bytes that share a ticket bucket."""
    stripe_shift: int = 20
    """log2 of the bytes that are read from one copy before it is the next one's turn."""
    window: int = 1 << 20
    """Bytes that a sync copies at once."""
    depth: int = 2
    """Windows in flight: a longer queue costs the clients more than it speeds the copy up."""
    zero_limit: int = 64 << 20
    """Bytes of one zero or trim request that go to the members at once."""
    least_chunk: int = LEAST_CHUNK
    """Bytes of a chunk in memory, at least, for a mirror without a bitmap."""
    page: int = 4096
    """Bytes of a range that could not be read that are put right at once, as md does; a medium with larger blocks has
    them put right at once."""
    read_errors: int = 20
    """Reads of a member that may fail within an hour; the count halves with every hour (md's max_corr_read_errors)."""
    corrections: int = 256
    """Pages that are put right at most after one read that failed; the rest waits for the next."""
    hedge_sweep: float = 0.001
    """Seconds between looks for reads that are late, at least; 0: nobody else is asked for them."""
    hedge_floor: float = 0.001
    """Seconds before which no read is late."""
    checkpoint: float = 30.0
    """Seconds of sync after which progress is recorded on disk, if a sixteenth of the array was not done before."""
