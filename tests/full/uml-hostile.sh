# SPDX-License-Identifier: GPL-2.0-only
# As uml-hostile-device, for data, and with a device that keeps a transfer: the guest
# takes it back after its time-outs.
# variant: late
# variant: never
# limit: 250
exec bash "$TOP/tests/guest/uml-hostile-device.sh" "$1"
