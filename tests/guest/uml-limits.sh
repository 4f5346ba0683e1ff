# SPDX-License-Identifier: GPL-2.0-only
# The driver keeps to what the device advertises, and lets wait what has no room: more
# transfers than a ring has entries, more bytes than max_inflight_bytes (DR-4, DR-5); more
# bytes than max_transfer fail (DR-6). Several devices share the queues.
# limit: 120
. "$TOP/tests/guest/lib.bash"
start_daemon --budget $((8 << 20)) zero:,speed=high zero:,speed=high zero:,speed=high
run_guest guest 90 <<'END'
. "$TOP/tests/guest/usbtest.bash"
load
load_usbtest
for port in 1 2 3; do wait_for 20 usbtest_bound $port || fail "no device $port"; done
# 384 transfers at once; of 4 KiB they fill the ring, of 32 KiB the budget. Then both ways.
together() {
	for port in 1 2 3; do
		run_cases /run/got$port $port "-t $1 -c 5 -s $2 -g 128" &
	done
	wait
	[ "$(cat /run/got? | sort -u)" = "$1 passed" ] || fail "$1 of $2 bytes: $(cat /run/got?)"
	rm /run/got?
}
together 28 4096
together 27 4096
together 28 32768
together 27 32768
for list in "16384 passed" "65536 errno 90" "16384 passed"; do
	run_cases /run/list 1 "-t 5 -c 2 -s ${list%% *} -g 128"
	[ "$(cat /run/list)" = "5 ${list#* }" ] || fail "list of ${list%% *}: $(cat /run/list)"
	rm /run/list
done
END
stop_daemon
grep -q "over budget" "$WORK/daemon.log" && fail "the driver has more in flight than it may"
exit 0
