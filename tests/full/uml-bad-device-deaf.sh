# SPDX-License-Identifier: GPL-2.0-only
# A device that does not return a chain although it was unlinked is reset after 30 s; then
# the transfer ends, and not before (DR-20).
# limit: 120
. "$TOP/tests/guest/lib.bash"
"$TOP/build/host/tests/guest/bad-device" "$socket" deaf > "$WORK/daemon.log" 2>&1 &
daemon=$!
wait_for 10 test -S "$socket" || fail "no device"
run_guest deaf 100 <<'END'
. "$TOP/tests/guest/usbtest.bash"
load
load_usbtest
wait_for 20 usbtest_bound 1 || fail "no device"
timeout 80 "$TOP/build/testusb" -D "$(usbtest_node 1)" -t 14 -c 5 -s 100 -v 10
dmesg | grep -q "unlinked transfer not returned, giving the device up" || fail "not given up"
unload
load
wait_for 20 usbtest_bound 1 || fail "no device after a new probe"
run_cases /run/got 1 "-t 14 -c 5 -s 100 -v 10"
[ "$(cat /run/got)" = "14 passed" ] || fail "does not work again"
END
kill "$daemon"
wait "$daemon"
daemon=
exit 0
