# SPDX-License-Identifier: GPL-2.0-only
"""Each filesystem's standard tools: they make one with a tree in it, check it, and take a
tree out of it. None needs root, or a kernel that knows the filesystem."""
import os
import re
import subprocess

from storage import MIB, Failure, tool

SMALL, LARGE = 32 * MIB, 64 * MIB   # btrfs and f2fs want the second


def room(path, size=SMALL):
    with open(path, 'wb') as f:
        f.truncate(size)


def make_ext(path, tree, sector, kind):
    room(path)
    tool('mkfs.' + kind, '-q', '-F', '-b', '4096', '-d', tree, path)


def take_ext(path, to, inodes):
    tool('debugfs', '-R', 'rdump /new ' + to, path)


def proto(f, folder):
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.is_dir():
            f.write('%s d--755 0 0\n' % entry.name)
            proto(f, entry.path)
            f.write('$\n')
        else:
            f.write('%s ---644 0 0 %s\n' % (entry.name, entry.path))


def make_xfs(path, tree, sector, kind):
    room(path)
    with open(path + '.proto', 'w') as f:
        f.write('/\n0 0\nd--755 0 0\n')
        proto(f, tree)
        f.write('$\n')
    # mkfs.xfs makes one below 300 MiB for tests alone.
    tool('mkfs.xfs', '-q', '-f', '-s', 'size=%d' % sector, '-b', 'size=4096', '-p',
         path + '.proto', path,
         env=dict(os.environ, TEST_DIR='x', TEST_DEV='x', QA_CHECK_FS='1'))


def take_xfs(path, to, inodes):
    """xfs_db says where each file is."""
    blocks = int(re.search(r'agblocks = (\d+)', tool(
        'xfs_db', '-r', '-c', 'sb 0', '-c', 'p agblocks', path)).group(1))
    for name, (inode, size) in inodes.items():
        target = os.path.join(to, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        text = tool('xfs_db', '-r', '-c', 'inode %d' % inode, '-c', 'p core.size', '-c', 'bmap',
                    path)
        if int(re.search(r'core.size = (\d+)', text).group(1)) != size:
            raise Failure('xfs_db: %s: %s' % (name, text))
        with open(path, 'rb') as r, open(target, 'wb') as w:
            for at, group, block, count in re.findall(
                    r'data offset (\d+) startblock \d+ \((\d+)/(\d+)\) count (\d+)', text):
                r.seek((int(group) * blocks + int(block)) * 4096)
                w.seek(int(at) * 4096)
                w.write(r.read(int(count) * 4096))
            w.truncate(size)


# The tools of btrfs fail where one of the host's mounts has a source that they may not see.
UNSEEN = ['unshare', '-rm', 'sh', '-c',
          'mount --bind /dev/null /proc/$$/mounts && exec "$@"', 'sh']


def make_btrfs(path, tree, sector, kind):
    room(path, LARGE)
    tool(*UNSEEN, 'mkfs.btrfs', '-q', '-f', '-m', 'single', '-d', 'single', '--rootdir', tree,
         path)
    os.truncate(path, LARGE)


def take_btrfs(path, to, inodes):
    tool('btrfs', 'restore', path, to)


def make_f2fs(path, tree, sector, kind):
    room(path, LARGE)
    tool('mkfs.f2fs', '-q', '-f', '-w', str(sector), path)
    tool('sload.f2fs', '-f', tree, path)


def take_f2fs(path, to, inodes):
    """dump.f2fs wants inodes and to be asked."""
    for name, (inode, _) in inodes.items():
        target = os.path.join(to, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(['dump.f2fs', '-i', hex(inode), path], input=b'y\n', cwd=to,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = os.path.join(to, 'lost_found', os.path.basename(name))
        if not os.path.exists(found):
            raise Failure('dump.f2fs: no %s' % name)
        os.rename(found, target)
    os.rmdir(os.path.join(to, 'lost_found'))


def make_vfat(path, tree, sector, kind):
    room(path)
    tool('mkfs.vfat', '-S', str(sector), path)
    tool('mcopy', '-s', '-i', path, *sorted(e.path for e in os.scandir(tree)), '::')


def take_vfat(path, to, inodes):
    tool('mcopy', '-s', '-i', path, '::new', to)


def empty_exfat(path, sector):
    room(path)
    tool('mkfs.exfat', path)


def take_exfat(path, to, inodes):
    tool('tsk_recover', '-a', '-f', 'exfat', path, to)
    # It leaves empty files out.
    for name, (_, size) in inodes.items():
        if not size and tool('ifind', '-f', 'exfat', '-n', '/' + name, path).strip().isdigit():
            open(to + '/' + name, 'w').close()


def make_ntfs(path, tree, sector, kind):
    room(path)
    tool('mkntfs', '-q', '-F', '-f', '-s', str(sector), path)
    with ntfs_3g(path) as at:
        tool('cp', '-r', tree + '/.', at)


class ntfs_3g:
    """A FUSE server, another implementation."""

    def __init__(self, path, *options):
        self.path, self.at, self.options = path, path + '.ntfs-3g', options

    def __enter__(self):
        os.makedirs(self.at, exist_ok=True)
        tool('ntfs-3g', *self.options, self.path, self.at)
        return self.at

    def __exit__(self, *_):
        tool('fusermount3', '-u', self.at)


def take_ntfs(path, to, inodes):
    with ntfs_3g(path, '-o', 'ro') as at:
        tool('cp', '-r', at + '/new', to)


def make_udf(path, tree, sector, kind):
    """mkudffs makes empty ones; genisoimage makes one beside an ISO 9660."""
    tool('genisoimage', '-quiet', '-udf', '-J', '-o', path, tree)
    pad(path)


def empty_udf(path, sector):
    room(path)
    tool('mkudffs', '-b', str(sector), path)


def take_udf(path, to, inodes):
    tool('7z', 'x', '-y', '-o' + to, path, 'new')


def make_iso(path, tree, sector, kind):
    tool('genisoimage', '-quiet', '-R', '-o', path, tree)
    pad(path)


def make_squashfs(path, tree, sector, kind):
    tool('mksquashfs', tree, path, '-quiet', '-no-progress')
    pad(path)


def make_erofs(path, tree, sector, kind):
    tool('mkfs.erofs', '-zlz4', path, tree)
    pad(path)


def pad(path):
    os.truncate(path, SMALL)


# With a tree, the checker, what takes a tree out, that one's name
TOOLS = {
    'ext2': (make_ext, ['e2fsck', '-fn'], take_ext, 'debugfs'),
    'ext3': (make_ext, ['e2fsck', '-fn'], take_ext, 'debugfs'),
    'ext4': (make_ext, ['e2fsck', '-fn'], take_ext, 'debugfs'),
    'xfs': (make_xfs, ['xfs_repair', '-n'], take_xfs, 'xfs_db'),
    'btrfs': (make_btrfs, ['btrfs', 'check'], take_btrfs, 'btrfs restore'),
    'f2fs': (make_f2fs, ['fsck.f2fs', '--dry-run'], take_f2fs, 'dump.f2fs'),
    'vfat': (make_vfat, ['fsck.vfat', '-n'], take_vfat, 'mtools'),
    'exfat': (None, ['fsck.exfat', '-n'], take_exfat, 'Sleuth Kit'),
    'ntfs3': (make_ntfs, ['ntfsfix', '-n'], take_ntfs, 'ntfs-3g'),
    'udf': (make_udf, ['udfinfo'], take_udf, '7z'),
    'iso9660': (make_iso, None, None, None),
    'squashfs': (make_squashfs, None, None, None),
    'erofs': (make_erofs, None, None, None),
}

# What nothing takes a tree out of: compared in a second mount alone. 7z knows UDF with
# blocks of 512 bytes, not with 4096.
BY_ITSELF = [('udf', 4096)]
# Those with links and modes.
UNIX = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs']
# What is mounted read-only, as Linux itself does: it, or what its maker makes.
READ_ONLY = ['udf', 'iso9660', 'squashfs', 'erofs']
# Where what the standard tools write, if they write at all, is not to be written to.
EMPTY = {'exfat': empty_exfat, 'udf': empty_udf}
