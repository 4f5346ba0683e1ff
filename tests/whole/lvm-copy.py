# SPDX-License-Identifier: GPL-2.0-only
"""Copies a file into a logical volume or out of it, as lvm2's own reports say where it is.

lvm-copy.py FOLDER in|out GROUP/NAME FILE IMAGE...

FOLDER/pvs and FOLDER/lvs are what pvs and lvs printed. /dev/ubda is the first image,
/dev/ubda1 its first partition.
"""
import json
import re
import subprocess
import sys

folder, way, volume, path, *images = sys.argv[1:]


def place_of(node):
    """Image and byte offset of /dev/ubdXN."""
    letter, number = re.fullmatch(r'/dev/ubd([a-z])(\d*)', node).groups()
    image = images[ord(letter) - ord('a')]
    if not number:
        return image, 0
    table = json.loads(subprocess.check_output(['sfdisk', '--json', image]))['partitiontable']
    part = next(p for p in table['partitions'] if p['node'].endswith(number))
    return image, part['start'] * 512


first = {}
for line in open(folder + '/pvs'):
    node, start = line.strip().split(',')
    first[node] = int(start) * 512

pieces = []     # image, offset, length, in the volume's order
for line in open(folder + '/lvs'):
    group, name, extent, stripes, stripe_size, extents, devices = line.strip().split('|')
    if group + '/' + name != volume:
        continue
    extent, stripes, length = int(extent) * 512, int(stripes), 0
    length = int(extents) * extent
    starts = []
    for node, at in re.findall(r'([^,(]+)\((\d+)\)', devices):
        image, offset = place_of(node)
        starts.append((image, offset + first[node] + int(at) * extent))
    chunk = int(stripe_size) * 512 if stripes > 1 else length
    for i in range(length // chunk):
        image, offset = starts[i % stripes]
        pieces.append((image, offset + i // stripes * chunk, chunk))
assert pieces, volume

with open(path, 'rb' if way == 'in' else 'wb') as f:
    disks = {i: open(i, 'r+b') for i in images}
    for image, offset, length in pieces:
        disk = disks[image]
        disk.seek(offset)
        if way == 'in':
            disk.write(f.read(length))
        else:
            f.write(disk.read(length))
    assert way == 'out' or not f.read(1), 'the file is longer than the volume'
