# SPDX-License-Identifier: GPL-2.0-only
# Every case of the kernel's usbtest through stock USB/IP, isochronous ones included (27 and
# 28 send zeros, which this device does not take).
#
#   export: the test device, our server, TCP, vhci_hcd
#   import: the test device on our controller, usbip-host and usbipd, TCP, our client,
#           our server, TCP, vhci_hcd
#
# variant: export high
# variant: export super
# variant: import high
# full variant: import super
# limit: 150
. "$TOP/tests/guest/lib.bash"
way=$1 speed=$2
start_daemon "zero:,speed=$speed,pattern=1"
run_guest guest 140 <<END
way=$way speed=$speed
$(cat <<'INSIDE'
. "$TOP/tests/guest/usbtest.bash"
ip link set lo up || fail "no loopback"
number=3 bcd=480
[ "$speed" = super ] && number=5 bcd=5000
m=$TOP/build/uml-modules
insmod $m/usbip-core.ko && insmod $m/vhci-hcd.ko || fail vhci_hcd
source=zero:$number
answers() { usbip --tcp-port "$1" list -r 127.0.0.1 > /run/list 2>&1; }
if [ "$way" = import ]; then
	load
	gadget_is_there() { grep -qs a4a0 /sys/bus/usb/devices/*-*/idProduct; }
	wait_for 20 gadget_is_there || fail "no test device"
	insmod $m/usbip-host.ko || fail usbip-host
	busid=$(basename "$(dirname "$(grep -ls a4a0 /sys/bus/usb/devices/*-*/idProduct)")")
	usbip bind -b $busid || fail bind
	usbipd > /run/usbipd.log 2>&1 &
	wait_for 10 answers 3240 || fail usbipd
	source=usbip://127.0.0.1:3240/$busid
fi
"$TOP/build/host/tests/guest/usbip-bridge" 3241 $source > /run/bridge.log 2>&1 &
wait_for 10 answers 3241 || { cat /run/bridge.log; fail "no bridge"; }
cat /run/list
usbip --tcp-port 3241 attach -r 127.0.0.1 -b 1-1 || fail attach
device() { dirname "$(grep -s a4a0 -l /sys/devices/platform/vhci_hcd.0/usb*/*-1/idProduct)"; }
imported() { [ "$(cat "$(device)/bConfigurationValue")" = 3 ]; }
wait_for 20 imported 2> /dev/null || { dmesg | tail; fail "no device"; }
[ "$(cat "$(device)/speed")" = $bcd ] || fail "not $speed speed"
node=$(printf '/dev/bus/usb/%03d/%03d' "$(cat "$(device)/busnum")" "$(cat "$(device)/devnum")")
"$TOP/build/host/tests/guest/iso-read" $node || fail "isochronous data"
load_usbtest alt=1 pattern=1
wait_for 20 usbtest_bound 1 || { dmesg | tail; fail "usbtest has no device"; }
for case in $(seq 0 26) 29; do
	run_cases "$WORK/cases" 1 "-t $case -c 5 -s 2048 -g 8 -v 1024"
done
dmesg | grep -iE "usbtest.*(error|fail)|vhci.*(error|down)" && fail "the kernel complains"
INSIDE
)
END
stop_daemon
[ "$(cat "$WORK/cases")" = "$(seq 0 29 | sed -e "/27\|28/d" -e "s/$/ passed/")" ] ||
	fail "cases that should pass: $(cat "$WORK/cases")"
