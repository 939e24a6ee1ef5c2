"""How much of a file system is used, by its own superblock: read, never mounted.

The counts are those of the last clean unmount, or of the last time that they were written since: near enough to say
what is about to be lost. They are hostile like all that is on a foreign device (I15): a count that cannot be is none.
"""

from __future__ import annotations

from mirrortui.device.ends import Ends

_EXT = 1024
_BTRFS = 64 << 10
_UNKNOWN = 0xFFFFFFFF


def ext(ends: Ends) -> int | None:
    """ext2, ext3, ext4: blocks that are neither free nor the file system's own.

    Linux, Documentation/filesystems/ext4/super.rst: s_blocks_count_lo 0x4, s_free_blocks_count_lo 0xC, s_log_block_size
    0x18, s_log_cluster_size 0x1C, s_feature_incompat 0x60 (64BIT is 0x80), s_blocks_count_hi 0x150,
    s_free_blocks_count_hi 0x158, s_overhead_blocks 0x248, in clusters.
    """
    blocks, free = (ends.number("<I", _EXT + at) for at in (0x4, 0xC))
    shift, cluster = (ends.number("<I", _EXT + at) for at in (0x18, 0x1C))
    if ends.number("<I", _EXT + 0x60) & 0x80:
        blocks |= ends.number("<I", _EXT + 0x150) << 32
        free |= ends.number("<I", _EXT + 0x158) << 32
    if shift > 6:
        return None
    ratio = cluster - shift if shift <= cluster <= 20 else 0
    overhead = ends.number("<I", _EXT + 0x248) << ratio or _ext_own(ends, blocks, 1024 << shift)
    return _used(blocks, free, 1024 << shift, overhead)


def _ext_own(ends: Ends, blocks: int, block: int) -> int:
    """Blocks for tables of inodes and the journal, where mke2fs did not write the sum of all such down.

    As above: s_blocks_per_group 0x20, s_inodes_per_group 0x28, s_rev_level 0x4C, s_inode_size 0x58, and in s_jnl_blocks
    the size of the journal, 0x10C + 16 * 4.
    """
    per_group, inodes = ends.number("<I", _EXT + 0x20), ends.number("<I", _EXT + 0x28)
    size = ends.number("<H", _EXT + 0x58) if ends.number("<I", _EXT + 0x4C) else 128
    groups = -(-blocks // per_group) if per_group else 0
    return groups * (-(-inodes * size // block) + 2) + ends.number("<I", _EXT + 0x14C) // block


def xfs(ends: Ends) -> int | None:
    """XFS: blocks that are neither free nor the log.

    XFS Algorithms & Data Structures, "Superblocks", big endian: sb_blocksize 4, sb_dblocks 8, sb_logstart 48,
    sb_logblocks 96, sb_fdblocks 144. With lazy counters sb_fdblocks is that of the last clean unmount.
    """
    block, blocks, free = ends.number(">I", 4), ends.number(">Q", 8), ends.number(">Q", 144)
    log = ends.number(">I", 96) if ends.number(">Q", 48) else 0  # else it is on another device
    if not 512 <= block <= 65536:
        return None
    return _used(blocks, free, block, log)


def btrfs(ends: Ends) -> int | None:
    """Btrfs, on one device: bytes of data and metadata, each counted once however often it is there.

    Btrfs documentation, "On-disk format", superblock at 64 KiB: total_bytes 0x70, bytes_used 0x78, num_devices 0x88. Of
    a file system on several devices the superblock does not say how much is on this one.
    """
    total, used, devices = (ends.number("<Q", _BTRFS + at) for at in (0x70, 0x78, 0x88))
    return used if devices == 1 and used <= total else None


def fat32(ends: Ends) -> int | None:
    """FAT32: clusters that are not free.

    Microsoft, FAT32 File System Specification 1.03: BPB_BytsPerSec 11, BPB_SecPerClus 13, BPB_RsvdSecCnt 14,
    BPB_NumFATs 16, BPB_TotSec32 32, BPB_FATSz32 36, BPB_FSInfo 48; in that sector FSI_LeadSig 0, FSI_StrucSig 484,
    FSI_Free_Count 488, all ones where it is not known.
    """
    sector, each, reserved = ends.number("<H", 11), ends.number("<B", 13), ends.number("<H", 14)
    tables = ends.number("<B", 16) * ends.number("<I", 36)
    at = ends.number("<H", 48) * sector
    signed = (ends.number("<I", at), ends.number("<I", at + 484)) == (0x41615252, 0x61417272)
    free = ends.number("<I", at + 488)
    if not (signed and each and sector in (512, 1024, 2048, 4096)) or free == _UNKNOWN:
        return None
    return _used((ends.number("<I", 32) - reserved - tables) // each, free, each * sector, 0)


def _used(units: int, free: int, size: int, own: int) -> int | None:
    """Bytes; None if the counts contradict each other. What is its own may have been counted otherwise by its tools."""
    return max(0, units - free - own) * size if 0 < units >= free else None
