# SPDX-License-Identifier: GPL-2.0-only
# The variants of the USB/IP tests that make check leaves out.
# variant: usbip-import high
# variant: usbip-import vudc
# variant: usbip-export high
# variant: usbip-export uas
# variant: usbip-export unix
# variant: usbip-export device
# variant: usbip-gone silent
# limit: 150
exec bash "$TOP/tests/guest/$1.sh" "$2"
