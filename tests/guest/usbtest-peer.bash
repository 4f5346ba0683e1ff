# SPDX-License-Identifier: GPL-2.0-only
# usbtest on a stock kernel's own controllers, for tests/conformance: the gadget zero on
# dummy_hcd, or the same through usbip-host and vhci_hcd.
# Arguments: dummy_hcd|vhci_hcd high|super COUNT
#
# A case that hangs takes its kernel with it; the next ones get another.
. "$TOP/tests/guest/lib.bash"
peer=$1 speed=$2 count=$3
rm -f "$WORK/cases"
start_daemon
next=0
while [ $next -lt 30 ]; do
	boot guest 200 <<END
peer=$peer speed=$speed count=$count next=$next
$(cat <<'INSIDE'
. "$TOP/tests/guest/usbtest.bash"
super=0 number=3
[ "$speed" = super ] && super=1 number=5
m=$TOP/build/uml-modules
for module in udc-core "dummy_hcd is_super_speed=$super" libcomposite usb_f_ss_lb g_zero; do
	insmod $m/${module%% *}.ko $(echo "$module" | cut -s -d' ' -f2-) || fail "insmod $module"
done
gadget_is_there() { grep -qs a4a0 /sys/bus/usb/devices/*-1/idProduct; }
wait_for 20 gadget_is_there || fail "no gadget"
if [ $peer = vhci_hcd ]; then
	insmod $m/usbip-core.ko && insmod $m/usbip-host.ko && insmod $m/vhci-hcd.ko || fail usbip
	dev=$(basename "$(dirname "$(grep -ls a4a0 /sys/bus/usb/devices/*/idProduct)")")
	# Its ports of high speed come first.
	python3 "$TOP/tests/guest/usbip-attach.py" $dev $number $((super * 8)) || fail attach
fi
# Setting 1, with isochronous endpoints, is not there: dummy_hcd has none.
load_usbtest
wait_for 20 usbtest_bound 1 || fail "usbtest has no device"
for case in $(seq $next 29); do
	echo "$case hangs" > "$WORK/hanging"
	size=2048
	[ $case = 14 ] || [ $case = 21 ] && size=1000
	run_cases /run/got 1 "-t $case -c $count -s $size -g 16 -v $((size / 2))"
	dmesg | grep -q "TEST $case:" && [ ! -s /run/got ] && finish 0
	[ -s /run/got ] || echo "$case absent" > /run/got
	cat /run/got >> "$WORK/cases"
	rm -f /run/got "$WORK/hanging"
done
INSIDE
)
END
	wait "$guest"
	kill_guest
	[ -s "$WORK/cases" ] || [ -e "$WORK/hanging" ] || fail "no guest"
	[ -e "$WORK/hanging" ] && cat "$WORK/hanging" >> "$WORK/cases"
	rm -f "$WORK/hanging"
	next=$(($(tail -n 1 "$WORK/cases" | cut -d' ' -f1) + 1))
done
stop_daemon
cat "$WORK/cases"
