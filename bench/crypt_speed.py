# SPDX-License-Identifier: GPL-2.0-only
"""LUKS2 beside no encryption, both through the mount over virtio-blk."""
import os
import subprocess

from mounts import median
from steps import BIG, MIB, Context, read_big, timed, write_big
from systems import Lklusb, make_image, run


def cipher_speed():
    """MB/s of the host's own aes-xts, one core, and who says so."""
    text = subprocess.run(['cryptsetup', 'benchmark', '-c', 'aes-xts', '-s', '512'], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    for line in text.splitlines():      # without AF_ALG in the host's kernel it has none
        if line.split()[:1] == ['aes-xts'] and 'N/A' not in line:
            return float(line.split()[2]) * MIB / 1e6, 'cryptsetup benchmark'
    text = run('openssl', 'speed', '-seconds', '1', '-bytes', '512', '-evp', 'aes-256-xts',
               stderr=subprocess.DEVNULL)
    return float(text.split()[-1].rstrip('k')) / 1e3, 'openssl speed, 512 bytes'


def measure(folder, rounds):
    image, key, plain, point = (os.path.join(folder, n)
                                for n in ('luks.img', 'key', 'plain.img', 'mnt'))
    os.makedirs(point, exist_ok=True)
    with open(key, 'w') as f:
        f.write('secret')
    make_image(image)
    with open(image, 'r+b') as f:
        f.truncate(288 * MIB)
    run('cryptsetup', 'reencrypt', '--encrypt', '-q', '--reduce-device-size', '32M',
        '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--sector-size', '512',
        '--key-file', key, image)
    make_image(plain)
    speed, whose = cipher_speed()
    figures = {'crypt.aes-xts.host': (speed, 'MB/s (%s)' % whose)}
    ways = [('luks2', image, ['--key-file', key]), ('none', plain, [])]
    times = {(way, what): [] for way, *_ in ways for what in ('write', 'read')}
    context = Context(point, None)
    for _ in range(rounds):
        for way, path, options in ways:
            system = Lklusb(way, '--virtio-blk', *options)
            for what, function in (('write', write_big), ('read', read_big)):
                system.mount(path, point)
                times[way, what].append(timed(function, context))
                system.umount(point)
    for (way, what), t in times.items():
        figures['crypt.%s.%s' % (what, way)] = (BIG * MIB / 1e6 / median(t), 'MB/s')
    os.unlink(image)
    os.unlink(plain)
    return figures
