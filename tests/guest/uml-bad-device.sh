# SPDX-License-Identifier: GPL-2.0-only
# A device that breaks the protocol: the driver refuses it (DR-1, DR-7), or gives it up, resets
# it and works with it again after a new probe (DR-12, DR-13, DR-23), or takes no notice
# (DR-14), or asks for what it missed (DR-17). The guest stays well in any case. Here a few
# of the ways; tests/full/uml-bad-device-all.sh has them all.
# variant: some
# limit: 200
. "$TOP/tests/guest/lib.bash"

# serve HOW, then commands for the guest on stdin
serve() {
	local how=$1
	rm -f "$socket"
	timeout -k 3 100 "$TOP/build/host/tests/guest/bad-device" "$socket" "$how" \
		>> "$WORK/daemon.log" 2>&1 &
	daemon=$!
	wait_for 10 test -S "$socket" || fail "$how: no device"
	cat "$WORK/inside" - > "$WORK/commands"
	run_guest "$how" 60 < "$WORK/commands"
	kill -TERM "$daemon"
	wait "$daemon"
	daemon=
	grep -E "WARNING|BUG:|Oops" "$WORK/$how.dmesg" && fail "$how: the guest's log"
	return 0
}
cat > "$WORK/inside" <<'END'
. "$TOP/tests/guest/usbtest.bash"
said() { dmesg | grep -q -e "$1"; }
say() { said "$1" || { dmesg | tail -n 20; fail "not said: $1"; }; }
works() {
	rm -f /run/got
	run_cases /run/got 1 "-t 14 -c 5 -s 1000 -v 100"
	[ "$(cat /run/got)" = "14 passed" ]
}
# The device gets bad now.
trigger() {
	load
	load_usbtest
	wait_for 20 usbtest_bound 1 || fail "no device"
	works
}
END

wanted() {
	[ "$ways" = all ] || [[ " no-pdu version short-used event-port old-event missed " = *" $1 "* ]]
}
ways=$1
for how in no-pdu version event-size many-ports no-ports one-queue no-segments; do
	wanted $how || continue
	serve $how <<'END'
load
sleep 0.3
[ -e /sys/bus/virtio/drivers/virtio_usbip/virtio0 ] && fail "bound"
unload
END
done
for how in short-used wrong-seq wrong-command long-actual control event-port event-devid \
		event-speed short-event; do
	wanted $how || continue
	serve $how <<'END'
trigger
wait_for 10 said "giving the device up" || { dmesg | tail -n 20; fail "not given up"; }
wait_for 10 not usbtest_bound 1 || fail "the device stays"
unload
load
wait_for 20 usbtest_bound 1 || fail "no device after a new probe"
works || fail "does not work again"
unload
END
done
for how in old-event missed; do
	wanted $how || continue
	serve $how <<END
trigger || fail "the device went"
sleep 0.5
works || fail "the device went later"
[ $how = old-event ] || wait_for 10 usbtest_bound 2 || fail "what was missed was not asked for"
unload
END
done
exit 0
