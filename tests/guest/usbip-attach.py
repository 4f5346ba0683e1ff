#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""usbip-attach BUSID SPEED PORT: stock USB/IP without a network, inside a guest.

Exports the device BUSID by usbip-host and imports it into port PORT of vhci_hcd, whose
two ends are a socket pair. SPEED is that of enum usb_device_speed.
"""
import os
import socket
import sys
import time


def write(path, text):
    with open(path, 'w') as f:
        f.write(text)


busid, speed, port = sys.argv[1:]
device = '/sys/bus/usb/devices/' + busid
driver = '/sys/bus/usb/drivers/usbip-host/'
if os.path.exists(device + '/driver'):
    write(device + '/driver/unbind', busid)
write(driver + 'match_busid', 'add ' + busid)
write(driver + 'bind', busid)
# It is available a little later.
for _ in range(100):
    if os.path.exists(device + '/usbip_sockfd'):
        break
    time.sleep(0.05)
stub, vhci = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
with open(device + '/busnum') as f:
    devid = int(f.read()) << 16
with open(device + '/devnum') as f:
    devid |= int(f.read())
write(device + '/usbip_sockfd', str(stub.fileno()))
write('/sys/devices/platform/vhci_hcd.0/attach',
      '%s %d %d %s' % (port, vhci.fileno(), devid, speed))
