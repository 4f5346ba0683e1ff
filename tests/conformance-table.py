#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""conformance-table.py COUNT RUN...: docs/conformance.md from the files RUN/cases.

Fails if a case does not pass with us that passes with a peer, or fails without a line in
EXEMPT that says which code of the kernel rules it out.
"""
import sys

CASES = [
    'nothing', 'bulk write', 'bulk read', 'bulk write, varied lengths',
    'bulk read, varied lengths', 'bulk write, scatter-gather', 'bulk read, scatter-gather',
    'bulk write, scatter-gather, varied', 'bulk read, scatter-gather, varied',
    'chapter 9 requests', 'queued control requests', 'unlink of reads',
    'unlink of writes', 'set and clear halts', 'control write and read back',
    'isochronous write', 'isochronous read', 'bulk write, odd address',
    'bulk read, odd address', 'bulk write, odd address, coherent',
    'bulk read, odd address, coherent', 'control write, odd address',
    'isochronous write, odd address', 'isochronous read, odd address',
    'unlink from a queue of writes', 'interrupt write', 'interrupt read',
    'bulk write, throughput', 'bulk read, throughput', 'toggles after a cleared halt']

# (run, cases, result): why, by the kernel's source
EXEMPT = [
    ('low', (15, 16, 22, 23, 25, 26), 'absent',
     '`drivers/usb/misc/usbtest.c`, usbtest_probe: at low speed it looks for two '
     'interrupt endpoints and uses them as its in and out pipes; there are no '
     'isochronous ones (USB 2.0, 5.6.2)'),
    ('low', (24,), 'errno 22',
     '`drivers/usb/misc/usbtest.c`, unlink_queued, fills its transfers as bulk ones, '
     'without an interval; `drivers/usb/core/urb.c`, usb_submit_urb, refuses an '
     'interrupt transfer whose interval is 0'),
    ('dummy_hcd', (15, 16, 22, 23), 'absent',
     '`drivers/usb/gadget/udc/dummy_hcd.c` has no isochronous endpoints for '
     'gadgets, so that `f_sourcesink.c` drops setting 1'),
    ('vhci_hcd', (15, 16, 22, 23), 'absent', 'the gadget is on dummy_hcd, see there'),
    ('dummy_hcd', (25, 26), 'absent',
     '`drivers/usb/gadget/function/f_sourcesink.c` has no interrupt endpoints'),
    ('vhci_hcd', (25, 26), 'absent', 'the same gadget'),
]


def read(run):
    with open(run + '/cases') as f:
        lines = (line.split(None, 1) for line in f)
        found = {int(n): result.strip() for n, result in lines}
    return [found.get(n, 'absent') for n in range(len(CASES))]


def exemption(run, case, result):
    """The index in EXEMPT, or None."""
    for i, (name, cases, want, _) in enumerate(EXEMPT):
        if name in run.split('-') and case in cases and result == want:
            return i
    return None


def cell(run, case, result):
    if result == 'passed':
        return 'yes'
    i = exemption(run, case, result)
    return '%s (%s)' % ('-' if result == 'absent' else result, chr(ord('a') + i) if
                        i is not None else '**?**')


def check(runs, results):
    """Messages about what should not be."""
    bad = []
    for run in runs:
        for case, result in enumerate(results[run]):
            if result == 'passed' or exemption(run, case, result) is not None:
                continue
            if run.startswith(('uml', 'lkl')):
                bad.append('%s: case %d: %s' % (run, case, result))
    for case in range(len(CASES)):
        for speed in ('high', 'super'):
            peers = [results[p + '-' + speed][case] for p in ('dummy_hcd', 'vhci_hcd')]
            if 'passed' in peers:
                bad += ['%s-%s: case %d passes with a peer' % (ours, speed, case)
                        for ours in ('uml', 'lkl')
                        if results[ours + '-' + speed][case] != 'passed']
    return bad


def print_table(runs, results):
    print('| case | what | ' + ' | '.join(runs) + ' |')
    print('|---|---|' + '---|' * len(runs))
    for case, what in enumerate(CASES):
        print('| %d | %s | %s |' % (case, what, ' | '.join(
            cell(run, case, results[run][case]) for run in runs)))


def main():
    count, runs = sys.argv[1], sys.argv[2:]
    results = {run: read(run) for run in runs}
    bad = check(runs, results)
    if bad:
        sys.exit('\n'.join(bad))
    print('''# Conformance

Written by `make conformance` (`tests/conformance`); not edited by hand.

The suite is the kernel's own: the `usbtest` driver with `testusb`, all of its 30 cases,
%s repetitions (5 at low speed).

| column | what runs |
|---|---|
| uml-* | a stock kernel (UML) with the module virtio-usbip, over vhost-user to `vhost-user-usb` with the emulated test device (`zero:`), 4 request queues |
| lkl-* | the library kernel, the same device in process |
| dummy_hcd-* | the same stock kernel, its dummy_hcd with the gadget `g_zero`: the peer's baseline |
| vhci_hcd-* | the same, the gadget exported by usbip-host and imported by the stock vhci_hcd |

With us a test device checks every byte that it gets and the driver every byte that it
reads (pattern 1, mod 63), but in cases 27 and 28, which send zeros. `make check` runs the
uml and lkl columns with few repetitions, and with lengths that are no multiple of a
packet; it also runs a case that must fail because the data is wrong.
''' % count)
    for title, prefixes in (('On a stock kernel', ('uml',)), ('On the library kernel', ('lkl',)),
                            ('Peers', ('dummy_hcd', 'vhci_hcd'))):
        print('## %s\n' % title)
        print_table([r for r in runs if r.startswith(prefixes)], results)
        print()
    print('## Exemptions\n')
    for i, (run, cases, result, why) in enumerate(EXEMPT):
        print('- (%s) %s, case %s: %s.' % (chr(ord('a') + i), run,
                                         ', '.join(map(str, cases)), why))
    print('''
At SuperSpeedPlus the driver logs "subtest 14 error" in case 10 and passes: its
test_ctrl_queue knows the packet size of SuperSpeed alone.

Bulk streams are not among usbtest's cases. They are used by UAS at SuperSpeed
(`tests/guest/uml-roundtrip.sh`, `tests/guest/uml-sg3.sh`, `disk-uas-*`).''')


main()
