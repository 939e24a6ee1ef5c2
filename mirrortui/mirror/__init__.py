"""The RAID-1 itself: decides, and knows no thread, no socket and no clock of its own.

`array` and `chunks` are the state; `tickets` order what overlaps; `intent` and `scribe` keep the metadata ahead of the
data; `mirror` is the data path on top of them; `sync` copies; `manage` fails, removes and adds; `decide` and `assemble`
read what is on disk, `create` makes it.
"""
