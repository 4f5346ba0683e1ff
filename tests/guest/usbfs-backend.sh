# SPDX-License-Identifier: GPL-2.0-only
# The backend alone on the kernel's usbfs: requests, cancels, resets, 1 MiB
# reads; refused writes behind the filter of --ro.
# variant: high
# variant: super
. "$TOP/tests/guest/usbfs.bash"
start_gadget "$1"
for i in $(seq 50); do [ -b /dev/sda ] && break; sleep 0.1; done
node=$(ls /dev/bus/usb/*/002)
timeout -k 3 80 $user "$TOP/build/host/tests/guest/usbfs-exercise" "$node" "$img" || fail exercise
[ "$(host_driver)" = usb-storage ] || fail "no driver given back: '$(host_driver)'"
