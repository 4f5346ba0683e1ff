# SPDX-License-Identifier: GPL-2.0-only
# Every case of the kernel's usbtest, isochronous ones included, over USB/IP: lklusb
# export's test device, attached by the unmodified client.
# variant: high
# variant: super
# limit: 150
. "$TOP/tests/guest/usbip.bash"
. "$TOP/tests/guest/usbtest.bash"
modprobe_ vhci-hcd
start_export --speed "$1" zero:
usbip list -r 127.0.0.1 > /run/list 2>&1
grep -q "1-1: .*(0525:a4a0)" /run/list || { cat /run/list; fail "usbip list"; }
usbip attach -r 127.0.0.1 -b 1-1 || { cat /run/export.log; fail "usbip attach"; }
load_usbtest alt=1 pattern=1
bound() { ls /sys/bus/usb/drivers/usbtest/*-1:* > /dev/null 2>&1; }
wait_for 30 bound || { dmesg | tail; fail "usbtest has no device"; }
run_cases /run/cases 1 "-c 3 -s 2048 -g 16 -v 1024"
cat /run/cases
# 27 and 28 send zeros, which this device refuses.
wanted=$(seq 0 29 | sed -e '/27\|28/d' -e 's/$/ passed/')
[ "$(sed '/^2[78] /d' /run/cases | sort -n)" = "$wanted" ] || fail "cases that should pass"
usbip detach -p 0 2>/dev/null || usbip detach -p 8 || fail "usbip detach"
stop_export
