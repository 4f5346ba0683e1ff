# SPDX-License-Identifier: GPL-2.0-only
# Every case of the kernel's usbtest passes on a stock kernel with our module, at each
# speed; docs/conformance.md has its peers. COUNT and CASES are for tests/conformance.
# variant: low
# variant: full
# variant: high
# variant: super
# variant: super-plus
# limit: 200
. "$TOP/tests/guest/lib.bash"
speed=$1 count=${COUNT:-3}
# One checks what it gets; the other takes zeros, which cases 27 and 28 send.
start_daemon --request-queues 4 "zero:,speed=$speed,pattern=1" "zero:,speed=$speed"
run_guest guest 190 <<END
speed=$speed count=$count
$(cat <<'INSIDE'
. "$TOP/tests/guest/usbtest.bash"
load
load_usbtest alt=1 pattern=1
wait_for 20 usbtest_bound 1 && wait_for 20 usbtest_bound 2 || fail "usbtest has no devices"
case $speed in low) want=1.5;; full) want=12;; high) want=480;; super) want=5000;;
	super-plus) want=10000;; esac
[ "$(cat "/sys/bus/usb/devices/$(basename /sys/bus/usb/drivers/usbtest/*-1:* | cut -d: -f1)/speed")" = $want ] ||
	fail "not $speed speed"
# Low-speed endpoints move 8 bytes in 10 ms.
size=2048
case $speed in
low)
	size=24
	run_cases "$WORK/cases" 1 "-c $count -s 24 -g 16 -v 16" ;;
*)
	run_cases "$WORK/cases" 1 "-c $count -s 2048 -g 32 -v 1024"
	# Lengths that are no multiples of a packet.
	run_cases "$WORK/odd" 1 "-c $count -s 3001 -g 16 -v 311" ;;
esac
echo 0 > /sys/module/usbtest/parameters/pattern
for case in 27 28; do run_cases "$WORK/cases" 2 "-t $case -c $count -s $size -g 16"; done
# A device that gets what it does not expect says so: the test can fail.
run_cases "$WORK/wrong" 1 "-t 1 -c 3 -s 64"
INSIDE
)
END
stop_daemon
cat "$WORK/cases"
all=$(seq 0 29 | sed 's/$/ passed/')
# docs/conformance.md says why: usbtest looks for no such endpoints, or gives no interval.
[ "$speed" = low ] && all=$(sed -e '/^\(15\|16\|22\|23\|25\|26\) /d' -e 's/^24 .*/24 errno 22/' <<< "$all")
[ "$(sort -n "$WORK/cases")" = "$all" ] || fail "cases that should pass"
[ "$(cat "$WORK/wrong")" = "1 errno 32" ] || fail "wrong data passed"
[ "$speed" = low ] && exit 0
diff <(seq 0 29 | sed -e '/27\|28/d' -e 's/$/ passed/') "$WORK/odd" || fail "odd lengths"
