"""What a seed's world is like (swarm testing: each world has its own extremes)."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tests.simulation.geometry import Geometry


@dataclass
class Habits:
    """Drawn once a world."""

    clients: int
    members: int
    inline: bool
    fault_rate: float
    hang_rate: float
    read_error_rate: float
    slow_metadata: float
    operator: float
    """Chance per step that the operator does something."""
    time: float
    """Mean virtual seconds per step."""
    quiet: float
    """Chance that a spell without new requests begins."""
    hot_spot: int
    flushes: float
    assume_clean: bool
    cuts: int
    absent: float
    """Chance that a member is not there at boot."""
    apart: float
    """Chance that at boot only some are there on purpose, and the others may be started without them later."""
    faults_everywhere: bool
    faults_at_boot: bool
    """Disks may fail while the mirror is assembled, too."""
    leaving: float
    """Chance that a client goes away when its write was not done inline."""
    bad: float
    """Chance that a member is born with entries in its bad-block log."""
    decay: float
    """Chance per step that a disk can no longer read some sectors."""
    dead: float
    """Chance that such a sector takes no write either."""
    logless: float
    """Chance that a member has no room for a bad-block log."""
    spare: bool
    """One more disk than the mirror has members."""
    born_spare: bool
    """It is a spare from the beginning."""
    daily: float
    """How much of what the operator does are small matters."""
    replacing: float
    """Chance that what the operator does is to replace a member that serves, if there is a disk to do it with."""
    daemon_delay: float
    geometry: Geometry
    born: int = 0
    """Sectors of the mirror at its birth: all of the data, or fewer."""
    narrow: bool = False
    """Superblocks say at its birth that there is no room for more than that."""
    checks: float = 0.0
    """Chance per step that a check or a repair is begun, paused, resumed or ended."""
    lagging: bool = False
    """Members are often made write-mostly, and may lag behind then."""
    hedging: bool = False
    """Reads that are late are asked of another copy, too; and what was read is sent later."""
    rot: bool = False
    """A copy may go bad in silence, and is repaired before anybody reads it."""

    def keep_together(self) -> None:
        """Nothing is started apart, and members come and go."""
        self.apart = self.absent = 0.0
        self.spare = True
        self.replacing = max(self.replacing, 0.3)
        self.operator = max(self.operator, 0.02)
        self.cuts += 2

    def adopt(self) -> None:
        """The mirror is born of a disk with data on it: its metadata are at the end, and no other member has any."""
        self.geometry = replace(self.geometry, minor=0, bitmap=True)
        self.assume_clean, self.born, self.narrow = True, self.geometry.data, False
        self.operator = self.operator or 0.005

    @classmethod
    def draw(cls, rng: random.Random, later: random.Random) -> Habits:
        """From the seed. `later`: for habits that were added since, so that worlds without them stay what they were."""
        faulty = rng.random() < 0.6
        inline = rng.random() < 0.5
        geometry = Geometry.draw(rng, inline=inline)
        members = rng.choice([2, 2, 3])
        spare = rng.random() < 0.2
        apart = rng.choice([0.0, 0.0, 0.0, 0.5]) if members == 2 else 0.0
        replacing = later.choice([0.0, 0.0, 0.0, 0.3, 0.7])
        hedging, lagging = later.random() < 0.4, later.random() < 0.3
        growing = not apart and later.random() < 0.3
        born = later.choice(range(24, geometry.data, 8)) if growing else geometry.data
        narrow = growing and geometry.minor > 0 and later.random() < 0.5
        if members > 2:
            apart = later.choice([0.0, 0.0, 0.0, 0.5])
        return cls(
            clients=rng.randint(1, 5),
            members=members,
            inline=inline,
            fault_rate=rng.choice([0.005, 0.02, 0.08]) if faulty else 0.0,
            hang_rate=rng.choice([0.0, 0.005, 0.03]) if faulty else 0.0,
            read_error_rate=rng.choice([0.0, 0.02]) if faulty else 0.0,
            slow_metadata=rng.choice([0.0, 0.5, 0.95]),
            operator=rng.choice([0.0, 0.005, 0.02]) or (0.005 if replacing or lagging or growing else 0.0),
            time=rng.choice([0.0, 0.001, 0.02, 0.1]),
            quiet=rng.choice([0.0, 0.002, 0.01]),
            hot_spot=rng.choice([4, 12, geometry.data]),
            flushes=rng.choice([0.02, 0.1, 0.4]),
            assume_clean=rng.random() < 0.6,
            absent=rng.choice([0.0, 0.2, 0.5]),
            apart=apart,
            faults_everywhere=rng.random() < 0.15,
            faults_at_boot=faulty and rng.random() < 0.4,
            leaving=rng.choice([0.0, 0.5]),
            cuts=rng.randint(1, 3) + (4 if apart else 0),
            bad=rng.choice([0.0, 0.0, 0.0, 0.0, 0.5, 1.0]),
            decay=rng.choice([0.0, 0.0, 0.0, 0.002, 0.01]),
            dead=rng.choice([0.0, 0.0, 0.3]),
            logless=rng.choice([0.0, 0.0, 0.5]),
            spare=spare or replacing > 0,
            replacing=replacing,
            born_spare=spare and rng.random() < 0.5,
            daily=rng.choice([0.0, 0.3, 0.7]) or (0.5 if growing else 0.0),
            daemon_delay=rng.choice([0.1, 1.0]),
            hedging=hedging,
            lagging=lagging,
            geometry=geometry,
            born=born,
            narrow=narrow,
        )
