# SPDX-License-Identifier: GPL-2.0-only
# A device that does not return a chain although it was unlinked is reset after 30 s; then
# the transfer ends, and not before (DR-20).
# limit: 120
. "$TOP/tests/guest/lib.bash"
. "$TOP/tests/guest/hostile.bash"
: > "$LIE"
start_daemon zero:,speed=high
run_guest deaf 100 <<'END'
. "$TOP/tests/guest/usbtest.bash"
. "$TOP/tests/guest/hostile.bash"
load
load_usbtest
wait_for 20 usbtest_bound 1 || fail "no device"
tell never
timeout 80 "$TOP/build/testusb" -D "$(usbtest_node 1)" -t 14 -c 5 -s 100 -v 10
dmesg | grep -q "unlinked transfer not returned, giving the device up" || fail "not given up"
unload
load
wait_for 20 usbtest_bound 1 || fail "no device after a new probe"
run_cases /run/got 1 "-t 14 -c 5 -s 100 -v 10"
[ "$(cat /run/got)" = "14 passed" ] || fail "does not work again"
END
stop_daemon
