# SPDX-License-Identifier: GPL-2.0-only
# Inside a guest: the kernel's usbtest driver against whatever device it binds to, by the
# kernel's own testusb.

# usbtest_bound PORT
usbtest_bound() {
	ls /sys/bus/usb/drivers/usbtest/*-$1:* > /dev/null 2>&1
}

# load_usbtest [parameter...]. alt=1: the setting that has all endpoints.
load_usbtest() {
	insmod "$TOP/build/uml-modules/usbtest.ko" "$@" || fail "insmod usbtest"
}

# The node of the device in a port, for testusb.
usbtest_node() {
	local device
	device=$(realpath /sys/bus/usb/drivers/usbtest/*-$1:*)/..
	printf '/dev/bus/usb/%03d/%03d' "$(cat "$device/busnum")" "$(cat "$device/devnum")"
}

# run_cases FILE PORT PARAMETERS: all that usbtest finds endpoints for, in one go.
# Appends "NUMBER passed" or "NUMBER errno N".
run_cases() {
	timeout -s KILL 30 "$TOP/build/testusb" -D "$(usbtest_node "$2")" $3 2> /dev/null |
		sed -n -e 's/.* test \([0-9]*\),.* secs.*/\1 passed/p' \
			-e 's/.* test \([0-9]*\) --> \([0-9]*\).*/\1 errno \2/p' >> "$1"
}
