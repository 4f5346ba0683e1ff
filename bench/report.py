# SPDX-License-Identifier: GPL-2.0-only
"""Tables, what was promised beside what was measured, and pictures."""
import json
import os
import shutil
import subprocess

from mounts import CPU_ROW, median
from steps import STEPS

ROWS = ([('time to mount', 'ms'), ('resident memory', 'MiB')] +
        [(s[0], s[3]) for s in STEPS] +
        [(CPU_ROW, 's/GiB'), ('flushes per fsync', 'of the disk')])
US, PASSTHROUGH, FUSE2FS = 'lklusb uas', 'passthrough_ll', 'fuse2fs'
IO_URING = 'lklusb uas io_uring'
# Through FUSE, on one CPU: row, at least so many times passthrough_ll, times fuse2fs.
PINNED = [
    ('sequential write', 1.0, 1.5), ('sequential read', 2, 1.5), ('4 KiB read', 2, 1.3),
    ('warm read', 1, 1), ('4 KiB write and fsync', 1.3, 1.1), ('create', 1.2, 1.8),
    ('stat', 1.3, 2.5), ('small read', 4, 3), ('unlink', 1.1, 1.5),
]
# On all CPUs: at least as fast as passthrough_ll.
UNPINNED = ['sequential read', '4 KiB read', '4 KiB read, 16 at once', 'small read', 'stat',
            '4 KiB write and fsync']
# The same over io_uring.
UNPINNED_IO_URING = [('4 KiB read', 3), ('create', 2)]
SECTIONS = {
    'pinned': 'ext4, image in memory, everybody on one CPU',
    'unpinned': 'ext4, image in memory, all CPUs',
    'disk': 'ext4, image on the disk, all CPUs',
}


class Promise:
    """A measured figure and its limit; kept if at least (or, sign < 0, at most) that."""
    def __init__(self, what, measured, limit, at_least=True):
        self.what, self.measured, self.limit = what, measured, limit
        self.relation = 'at least' if at_least else 'at most'
        self.kept = measured >= limit if at_least else measured <= limit

    def row(self):
        return '| %s | %.2f | %s %g | %s |' % (self.what, self.measured, self.relation,
                                               self.limit, 'kept' if self.kept else '**missed**')


def ratio(results, row, peer, us=US):
    if row not in results.get(us, {}) or row not in results.get(peer, {}):
        return None
    return median(results[us][row]) / median(results[peer][row])


def fuse_promises(sections):
    out = []
    pinned, unpinned = sections.get('pinned', {}), sections.get('unpinned', {})
    for row, passthrough, fuse2fs in PINNED:
        for peer, limit in ((PASSTHROUGH, passthrough), (FUSE2FS, fuse2fs)):
            r = ratio(pinned, row, peer)
            if r is not None:
                out.append(Promise('%s over UAS, one CPU, times %s' % (row, peer), r, limit))
    for row in UNPINNED:
        r = ratio(unpinned, row, PASSTHROUGH)
        if r is not None:
            out.append(Promise('%s over UAS, all CPUs, times %s' % (row, PASSTHROUGH), r, 1))
    for row, limit in UNPINNED_IO_URING:
        r = ratio(unpinned, row, PASSTHROUGH, IO_URING)
        if r is not None:
            out.append(Promise('%s over UAS and io_uring, all CPUs, times %s' %
                               (row, PASSTHROUGH), r, limit))
    some = unpinned or pinned
    for name in ('lklusb bot', US):
        if name in some:
            out.append(Promise('exec to a usable mount, %s, ms' % name,
                               median(some[name]['time to mount']), 200, False))
            out.append(Promise('resident memory, idle, %s, MiB' % name,
                               median(some[name]['resident memory']), 32, False))
    return out


def kernel_promises(figures):
    """figures: {name: (value, unit)} of bench-kernel."""
    out = []

    def times(what, name, disk, limit, at_least):
        us, peer = 'disk.%s.%s' % (name, disk), 'disk.%s.virtio-blk' % name
        if us in figures and peer in figures:
            out.append(Promise('%s, %s, times virtio-blk' % (what, disk),
                               figures[us][0] / figures[peer][0], limit, at_least))

    for disk, limit in (('bot-super', 1.6), ('uas-high', 1.4), ('uas-super', 1.25)):
        times('4 KiB read takes', 'random-read-4k', disk, limit, False)
    for disk in ('bot-super', 'uas-high', 'uas-super'):
        times('4 KiB read, 16 at once, takes', 'random-read-4k-qd16', disk, 1.2, False)
        for name in ('sequential-read', 'sequential-write', 'fsync'):
            times(name, name, disk, 0.95, True)
    times('4 KiB read, device on another thread, takes', 'random-read-4k', 'uas-thread', 1.7,
          False)
    times('4 KiB read, device on another thread, takes', 'random-read-4k', 'bot-thread', 3,
          False)
    for what, name, limit in (
            ('null call, times the host\'s', 'call.null-call', 1 / 3),
            ('pipe ping-pong of two threads, times the host\'s', 'call.ping-pong-2-threads', 1),
            ('call while another thread drives, times a futex round trip of the host',
             'call.second-thread', 2)):
        if name + '.library' in figures:
            out.append(Promise(what, figures[name + '.library'][0] / figures[name + '.host'][0],
                               limit, False))
    return out


def cell(values):
    if not values:
        return '-'
    m = median(values)
    form = '%.0f' if m >= 10 else '%.2f'
    return '%s (%s–%s)' % tuple(form % v for v in (m, min(values), max(values)))


def mount_table(title, results):
    names = list(results)
    out = ['| %s | %s |' % (title, ' | '.join(names)), '|---' * (len(names) + 1) + '|']
    for row, unit in ROWS:
        if any(row in results[n] for n in names):
            out.append('| %s, %s | %s |' % (row, unit, ' | '.join(
                cell(results[n].get(row)) for n in names)))
    return out + ['']


def figure_table(title, figures):
    return ['| %s | |' % title, '|---|---|'] + \
        ['| %s | %g %s |' % (k, v, u) for k, (v, u) in figures.items()] + ['']


def markdown(sections, figures, promises, missing):
    out = ['Medians (lowest–highest); everybody in turns in one run.', '']
    out += ['Not measured: ' + m + '.' for m in missing] + [''] * bool(missing)
    for key, results in sections.items():
        out += mount_table(SECTIONS[key], results)
    out += figure_table('inside the library kernel', figures)
    out += ['| promised | measured | limit | |', '|---|---|---|---|']
    out += [p.row() for p in promises]
    missed = sum(not p.kept for p in promises)
    return '\n'.join(out + ['', '%d kept, %d missed' % (len(promises) - missed, missed)]) + '\n'


PLOT = """
set terminal svg size 1000,460 font 'sans,12' background 'white'
set output '{svg}'
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 border -1
set ylabel 'times {base} (higher is better)'
set grid ytics
set logscale y 2
set key outside top center horizontal
set xtics rotate by -25
set title '{title}; medians' offset 0,-0.5
plot 1 title '{base}' lc rgb '#888888' lw 2, {columns}
"""


def plot(out, key, results):
    """A picture of one section, if gnuplot is there and somebody to compare with."""
    base = next((n for n in (PASSTHROUGH, FUSE2FS) if n in results), None)
    if not base or not shutil.which('gnuplot'):
        return
    others = [n for n in results if n != base]
    data, svg = (os.path.join(out, key + e) for e in ('.dat', '.svg'))
    with open(data, 'w') as f:
        for name, *_ in STEPS:
            f.write('"%s" %s\n' % (name, ' '.join(
                '%.3f' % (ratio(results, name, base, n) or float('nan')) for n in others)))
    columns = ', '.join("'%s' using %d:xtic(1) title '%s'" % (data, i + 2, n.replace('_', r'\_'))
                        for i, n in enumerate(others))
    subprocess.run(['gnuplot'], text=True, check=True, input=PLOT.format(
        svg=svg, base=base.replace('_', r'\_'), title=SECTIONS[key], columns=columns))


def write(out, sections, figures, missing):
    promises = kernel_promises(figures) + fuse_promises(sections)
    with open(out + '/results.json', 'w') as f:
        json.dump({'mounts': sections, 'inside': figures, 'missing': missing,
                   'promised': [vars(p) for p in promises]}, f, indent=1)
    text = markdown(sections, figures, promises, missing)
    with open(out + '/results.md', 'w') as f:
        f.write(text)
    for key, results in sections.items():
        plot(out, key, results)
    print(text)
