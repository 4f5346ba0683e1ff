# SPDX-License-Identifier: GPL-2.0-only
# A device that breaks the protocol: the driver refuses it (DR-1, DR-7), or gives it up, resets
# it and works with it again after a new probe (DR-12, DR-13, DR-23), or takes no notice
# (DR-14), or asks for what it missed (DR-17). The guest stays well in any case. Here a few
# of the ways that want a guest each; tests/full/uml-bad-device-all.sh has them all.
# variant: some
# limit: 200
. "$TOP/tests/guest/lib.bash"
. "$TOP/tests/guest/hostile.bash"

ways='no-pdu version event-size many-ports no-ports one-queue no-segments'
[ "$1" = all ] || ways='no-pdu version'
for way in $ways; do
	echo "$way" > "$LIE"
	start_daemon zero:,speed=high
	run_guest $way 60 <<'END'
load
sleep 0.3
[ -e /sys/bus/virtio/drivers/virtio_usbip/virtio0 ] && fail "bound"
unload
END
	stop_daemon
done

: > "$LIE"
start_daemon zero:,speed=high
boot lies 150 <<'END'
. "$TOP/tests/guest/usbtest.bash"
. "$TOP/tests/guest/hostile.bash"
ready() {
	wait_for 20 usbtest_bound 1 || fail "$lie: no device"
}
works() {
	rm -f /run/got
	run_cases /run/got 1 "-t 14 -c 5 -s 1000 -v 100"
	[ "$(cat /run/got)" = "14 passed" ]
}
given_up() {
	wait_for 10 said "giving the device up" || { dmesg | tail -n 20; fail "$lie: not given up"; }
	wait_for 10 not usbtest_bound 1 || fail "$lie: the device stays"
	honest
	unload
	load
	ready
	works || fail "$lie: does not work again"
}
load_usbtest
load
ready
works || fail "the honest device"
for lie in len-short len-zero seq command-unlink actual-more; do
	tell $lie
	works
	given_up
done
for lie in control-seq event-port event-devid event-speed event-short; do
	pull
	wait_for 10 not usbtest_bound 1 || fail "$lie: not pulled"
	tell $lie
	plug
	given_up
done
lie=event-old
pull
wait_for 10 not usbtest_bound 1 || fail "$lie: not pulled"
tell $lie
plug
sleep 0.5
usbtest_bound 1 && fail "$lie: seen"
honest
pull
plug
ready
works || fail "$lie: does not work later"
lie=event-missed
pull
wait_for 10 not usbtest_bound 1 || fail "$lie: not pulled"
tell $lie
plug
wait_for 10 usbtest_bound 1 || fail "$lie: was not asked for"
works || fail "$lie: does not work later"
unload
END
obey
wait_guest lies
for lie in $(sed -n 's/^for lie in \([a-z -]*\); do$/\1/p; s/^lie=//p' "$WORK/lies.init"); do
	grep -q "^lie: $lie$" "$WORK/daemon.log" || fail "the device never told $lie"
done
stop_daemon
