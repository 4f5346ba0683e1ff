#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""after-urbs N [FILE TEXT]: when N URBs were ever given to the stick, writes TEXT to FILE.

Inside a guest, as root, with a priority above those who give them: usbmon wakes this while
the URB has just been given, so that TEXT acts while it is in flight.
"""
import glob
import os
import sys


def number(name):
    with open(glob.glob('/sys/bus/usb/devices/*-1/' + name)[0]) as f:
        return int(f.read())


address = ':%d:%03d:' % (number('busnum'), number('devnum'))
monitor = os.open('/sys/kernel/debug/usb/usbmon/%du' % number('busnum'), os.O_RDONLY)
target = os.open(sys.argv[2], os.O_WRONLY) if sys.argv[2:] else None
text = ''.join(sys.argv[3:]).encode()
wanted = int(sys.argv[1]) - number('urbnum')
while wanted > 0:
    for event in os.read(monitor, 4096).decode().splitlines():
        wanted -= ' S ' in event and address in event
if target is not None:
    os.write(target, text)
