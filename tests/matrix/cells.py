# SPDX-License-Identifier: GPL-2.0-only
"""What the cells of the matrix are, which test runs each, and what Linux refuses.

A cell is FILESYSTEM/PARTITIONING/ENCRYPTION/SECTOR/TRANSPORT with two operations: "read",
a standard tool wrote it and it is read through us, and "write", it is written through us
and the standard tools check and compare it.
"""
import itertools

FILESYSTEMS = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'vfat', 'exfat', 'ntfs3',
               'udf', 'iso9660', 'squashfs', 'erofs']
PARTITIONINGS = ['disk', 'mbr', 'gpt', 'hybrid', 'lvm']
ENCRYPTIONS = ['none', 'luks1', 'luks2', 'plain', 'integrity', 'luks+lvm']
SECTORS = ['512', '4096']
TRANSPORTS = ['bot', 'uas', 'virtio']
OPERATIONS = ['read', 'write']
DIMENSIONS = [FILESYSTEMS, PARTITIONINGS, ENCRYPTIONS, SECTORS, TRANSPORTS]
CELLS = ['/'.join(values) for values in itertools.product(*DIMENSIONS)]

SLICES = 3      # variants of tests/whole/matrix.sh; `make matrix` runs every cell
# Values that the runner does not make: their cells stay untested. (dm-integrity is made by
# a kernel alone; tests/whole/luks-integrity.sh covers it in one layout.)
NOT_MADE = ['integrity']

# Where something ends: the values of such cells, the operations, the words that the run must
# then find, and what they come from. The first that fits counts.
READ_ONLY = 'Linux does not write to it'
REFUSALS = [
    (('lvm', 'luks+lvm'), 'read write', 'LVM2_member is not supported',
     'lklusb opens one volume group, not a second in an encrypted volume of the first'),
    (('squashfs',), 'write', 'Read-only file system', READ_ONLY),
    (('erofs',), 'write', 'Read-only file system', READ_ONLY),
    (('iso9660', '512'), 'write', 'cannot be mounted for writing', READ_ONLY),
    (('iso9660', '4096'), 'read write', 'does not mount: Invalid argument',
     'its blocks of 2048 bytes are smaller than the sectors (`fs/isofs/inode.c`)'),
    (('udf', '4096'), 'read', 'udf_fill_super: No partition found',
     'what genisoimage writes has blocks of 2048 bytes; mkudffs makes blocks of 4096, but '
     'nothing writes files into them'),
    (('exfat', '4096'), 'write', 'failed to recognize exfat type',
     'mkfs.exfat takes the sector size from a block device, for a file it is 512'),
]
# Operations that stay untested because Debian has no tool for them.
NO_TOOL = {('exfat', 'read'): 'nothing but a kernel writes files into one: exfat-fuse wants '
                              'root, exfatprogs makes empty ones'}


def runnable(cell):
    return not any(value in NOT_MADE for value in cell.split('/'))


def refusal(cell, operation):
    """The words of its reason, or None: it has to work."""
    return next((words for values, operations, words, _ in REFUSALS
                 if set(values) <= set(cell.split('/')) and operation in operations.split()), None)


def pairs_of(cell):
    return set(itertools.combinations(enumerate(cell.split('/')), 2))


def pairwise():
    """A small set of cells with every pair of values that any cell has. Always the same."""
    left = set().union(*(pairs_of(c) for c in CELLS if runnable(c)))
    candidates, chosen = [c for c in CELLS if runnable(c)], []
    while left:
        best = max(candidates, key=lambda c: len(pairs_of(c) & left))
        left -= pairs_of(best)
        chosen.append(best)
    return chosen


def slice_of(number):
    """The cells of tests/whole/matrix.sh NUMBER. The first has those with volume groups,
    for which a guest boots once."""
    with_groups = [c for c in pairwise() if 'lvm' in c]
    return with_groups if number == 1 else \
        [c for c in pairwise() if c not in with_groups][number - 2::SLICES - 1]
