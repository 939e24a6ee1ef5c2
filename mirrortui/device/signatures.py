"""What is already written on a device: file systems, partition tables, encryption, volume managers, arrays.

Recognises, does not validate: a magic number in its place is reason enough to ask before overwriting (I12). The bytes
are hostile (I15): nothing read here is followed, and labels are shown only as far as they print.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mirrortui.device import fullness
from mirrortui.device.ends import Ends, Read
from mirrortui.units import SECTOR, format_size

_MD_MAGIC = 0xA92B4EFC
_MD_MAGICS = (_MD_MAGIC.to_bytes(4, "little"), _MD_MAGIC.to_bytes(4, "big"))


@dataclass(frozen=True, slots=True)
class Signature:
    """Something that was recognised."""

    kind: str
    """``"ext4"``, ``"LVM2 physical volume"``, ``"MD 1.2"``."""
    detail: str
    """A label or name and what else tells it from its like: ``"label photos"``. May be empty."""
    offset: int
    """Bytes from the start of the device to what was recognised."""
    used: int | None = None
    """Bytes that are in use in a file system, by its own word (fullness.py); None: it does not say."""

    def __str__(self) -> str:
        used = "" if self.used is None else f"{format_size(self.used)} used"
        return ", ".join(part for part in (self.kind, self.detail, used) if part)


def identify(read: Read, size: int) -> list[Signature]:
    """What is on a device of `size` bytes, by place; empty: nothing that is known here. Raises what `read` raises."""
    ends = Ends(read, size)
    found = [signature for probe in _PROBES for signature in probe(ends)]
    return sorted(found, key=lambda signature: signature.offset)


@dataclass(frozen=True, slots=True)
class _Magic:
    """A kind that its magic number alone tells; some say their label in a fixed place."""

    kind: str
    offset: int
    """From the start; from the end where negative."""
    magic: bytes
    label: tuple[int, int, str] = (0, 0, "utf-8")
    """Offset, length in bytes, coding."""
    used: Callable[[Ends], int | None] = lambda ends: None

    def __call__(self, ends: Ends) -> Iterator[Signature]:
        offset = self.offset if self.offset >= 0 else ends.size + self.offset
        if ends.bytes(offset, len(self.magic)) == self.magic:
            yield Signature(self.kind, ends.label(*self.label), offset, self.used(ends))


_SIMPLE = (
    _Magic("XFS", 0, b"XFSB", (108, 12, "utf-8"), fullness.xfs),
    _Magic("Btrfs", 0x10040, b"_BHRfS_M", (0x1012B, 256, "utf-8"), fullness.btrfs),
    _Magic("NTFS", 3, b"NTFS    "),
    _Magic("exFAT", 3, b"EXFAT   "),
    _Magic("FAT32", 82, b"FAT32   ", (71, 11, "cp850"), fullness.fat32),
    _Magic("FAT16", 54, b"FAT16   ", (43, 11, "cp850")),
    _Magic("FAT12", 54, b"FAT12   ", (43, 11, "cp850")),
    _Magic("F2FS", 1024, bytes.fromhex("1020f5f2"), (1024 + 0x7C, 512, "utf-16-le")),
    _Magic("EROFS", 1024, bytes.fromhex("e2e1f5e0"), (1024 + 64, 16, "utf-8")),
    _Magic("HFS+", 1024, b"H+"),
    _Magic("APFS", 32, b"NXSB"),
    _Magic("SquashFS", 0, b"hsqs"),
    _Magic("ISO 9660", 0x8001, b"CD001", (0x8028, 32, "ascii")),
    _Magic("bcache", 0x1018, bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81"), (0x1048, 32, "utf-8")),
    _Magic("bcachefs", 0x1018, bytes.fromhex("c68573f666ce90a9d96a60cf803df7ef"), (0x1048, 32, "utf-8")),
    _Magic("Stratis pool member", 0x204, b"!Stra0tis\x86\xff\x02^\x41rh"),
    _Magic("Intel RAID member", -1024, b"Intel Raid ISM Cfg Sig. "),
    _Magic("DDF RAID member", -512, bytes.fromhex("de11de11")),
    _Magic("qcow2 image", 0, b"QFI\xfb"),
    _Magic("VMDK image", 0, b"KDMV"),
    _Magic("VHDX image", 0, b"vhdxfile"),
    _Magic("VDI image", 0x40, bytes.fromhex("7f10dabe")),
)


def _ext(ends: Ends) -> Iterator[Signature]:
    if ends.bytes(0x438, 2) != b"\x53\xef":
        return
    compatible, incompatible, readonly = (ends.number("<I", offset) for offset in (0x45C, 0x460, 0x464))
    if incompatible & 0x8:
        kind = "ext journal"
    elif (
        incompatible & ~0x16 or readonly & ~0x7
    ):  # beyond filetype, recover, meta_bg; sparse, large file, btree
        kind = "ext4"
    else:
        kind = "ext3" if compatible & 0x4 else "ext2"
    used = None if kind == "ext journal" else fullness.ext(ends)
    yield Signature(kind, ends.label(0x478, 16), 0x438, used)


def _swap(ends: Ends) -> Iterator[Signature]:
    for page in (4096, 8192, 16384, 65536):
        if ends.bytes(page - 10, 10) in (b"SWAPSPACE2", b"SWAP-SPACE"):
            yield Signature("swap", ends.label(1052, 16), page - 10)


def _luks(ends: Ends) -> Iterator[Signature]:
    if ends.bytes(0, 6) == b"LUKS\xba\xbe":
        version = ends.number(">H", 6)
        yield Signature(f"LUKS{version}", ends.label(24, 48) if version == 2 else "", 0)


def _lvm(ends: Ends) -> Iterator[Signature]:
    for offset in range(0, 4 * SECTOR, SECTOR):
        if ends.bytes(offset, 8) == b"LABELONE" and ends.bytes(offset + 24, 8) == b"LVM2 001":
            name = ends.label(offset + 32, 32, "ascii", "PV")
            yield Signature("LVM2 physical volume", name, offset)
            return


def _zfs(ends: Ends) -> Iterator[Signature]:
    """Any uberblock in the first label; a fresh pool has written only some of them."""
    for offset in range(128 << 10, 256 << 10, 1024):
        if ends.bytes(offset, 8) in (b"\x0c\xb1\xba\0\0\0\0\0", b"\0\0\0\0\0\xba\xb1\x0c"):
            yield Signature("ZFS pool member", "", offset)
            return


def _gpt(ends: Ends) -> Iterator[Signature]:
    for sector in (512, 4096):
        for offset, which in ((sector, ""), (ends.size - sector, "backup table at the end")):
            if ends.bytes(offset, 8) == b"EFI PART":
                yield Signature("GPT partition table", which, offset)


def _mbr(ends: Ends) -> Iterator[Signature]:
    """A boot sector with at least one believable partition; FAT and NTFS have boot sectors without any."""
    if ends.bytes(510, 2) != b"\x55\xaa":
        return
    entries = [ends.bytes(446 + 16 * index, 16) for index in range(4)]
    used = [entry for entry in entries if entry[4] and any(entry[8:])]
    if used and all(entry[0] in (0, 0x80) for entry in entries):
        count = f"{len(used)} partition{'s' if len(used) > 1 else ''}"
        yield Signature("MBR partition table", "protects a GPT" if used[0][4] == 0xEE else count, 510)


def _md1(ends: Ends) -> Iterator[Signature]:
    last = (ends.size // SECTOR - 16 & ~7) * SECTOR
    for version, offset in (("1.0", last), ("1.1", 0), ("1.2", 8 * SECTOR)):
        if ends.bytes(offset, 4) == _MD_MAGICS[0] and ends.number("<I", offset + 4) == 1:
            name = ends.label(offset + 32, 32, word="name")
            yield _md(version, name, ends.bytes(offset + 16, 16), offset)


def _md090(ends: Ends) -> Iterator[Signature]:
    offset = (ends.size & ~0xFFFF) - 0x10000
    magic = ends.bytes(offset, 4)
    if magic in _MD_MAGICS and ends.bytes(offset + 4, 4) == bytes(4):
        raw = ends.bytes(offset + 20, 4) + ends.bytes(offset + 52, 12)
        order = "<" if magic == _MD_MAGICS[0] else ">"
        yield _md("0.90", "", struct.pack(">4I", *struct.unpack(f"{order}4I", raw)), offset)


def _md(version: str, name: str, raw: bytes, offset: int) -> Signature:
    number = f"UUID {':'.join(raw[at : at + 4].hex() for at in range(0, 16, 4))}"
    return Signature(f"MD {version} array member", f"{name}, {number}" if name else number, offset)


def _drbd(ends: Ends) -> Iterator[Signature]:
    """Internal metadata: the last 4 KiB block."""
    offset = (ends.size & ~0xFFF) - 4096
    if ends.number(">I", offset + 60) in (0x8374026B, 0x8374026C, 0x8374026D):
        yield Signature("DRBD", "", offset)


_PROBES: tuple[Callable[[Ends], Iterator[Signature]], ...] = (
    *_SIMPLE, _ext, _swap, _luks, _lvm, _zfs, _gpt, _mbr, _md1, _md090, _drbd,
)  # fmt: skip
