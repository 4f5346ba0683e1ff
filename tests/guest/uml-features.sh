# SPDX-License-Identifier: GPL-2.0-only
# Each optional feature off on either side: it is gone and all else works as before.
# variant: driver
# variant: device
# limit: 120
. "$TOP/tests/guest/lib.bash"
truncate -s 16M "$img"
cat > "$WORK/look.bash" <<'END'
. "$TOP/tests/guest/usbtest.bash"
zero_is_there() { grep -qs Zero /sys/bus/usb/devices/*/product; }
has_suspended() { [ "$(grep -c ': suspended' "$WORK/daemon.log")" -gt "$1" ]; }

# look FEATURE: what each feature does, with that one off
look() {
	local off=$1 zero before want
	load_usbtest alt=1
	wait_for 20 zero_is_there && wait_for 20 usbtest_bound 1 || fail "$off: no test device"
	wait_disk sda
	zero=$(dirname "$(grep -l Zero /sys/bus/usb/devices/*/product)")

	want=10000; [ "$off" = ssp ] && want=5000
	[ "$(cat "$zero/speed")" = $want ] || fail "$off: speed $(cat "$zero/speed")"

	want=uas; [ "$off" = streams ] && want=usb-storage
	[ -e "/sys/bus/usb/drivers/$want/"*-2:1.0 ] || fail "$off: no $want"
	dd if=/dev/sda of=/dev/null bs=1M iflag=direct 2> /dev/null || fail "$off: read"

	rm -f /run/cases
	run_cases /run/cases 1 "-t 16 -c 2 -s 2048 -g 4"
	want="16 passed"; [ "$off" = iso ] && want="16 errno 22"
	[ "$(cat /run/cases)" = "$want" ] || fail "$off: usbtest $(cat /run/cases)"

	rmmod usbtest
	before=$(grep -c ': suspended' "$WORK/daemon.log")
	echo 0 > "$zero/power/autosuspend_delay_ms"
	echo auto > "$zero/power/control"
	wait_for 10 eval '[ "$(cat '"$zero"'/power/runtime_status)" = suspended ]' || fail "$off: awake"
	if [ "$off" = port-pm ]; then
		has_suspended "$before" && fail "$off: the device was told"
	else
		wait_for 10 has_suspended "$before" || fail "$off: the device was not told"
	fi
	echo on > "$zero/power/control"
	[ "$(cat "$zero/manufacturer")" = lklusb ] || fail "$off: after resume"
	return 0
}
END
case $1 in
driver)
	start_daemon "zero:,speed=super-plus" "$img,protocol=uas"
	run_guest driver 90 <<'END'
. "$WORK/look.bash"
bit=51
for off in streams iso port-pm ssp; do
	insmod "$MODULE" features_off=$((1 << bit)) || fail insmod
	[ "$(cut -c $((bit + 1)) /sys/bus/virtio/devices/virtio0/features)" = 0 ] || fail "$off: negotiated"
	look $off
	unload
	bit=$((bit + 1))
done
load
look nothing
END
	stop_daemon
	;;
device)
	for off in streams iso port-pm ssp; do
		start_daemon --without $off "zero:,speed=super-plus" "$img,protocol=uas"
		run_guest "without-$off" 60 <<END
. "\$WORK/look.bash"
load
look $off
END
		stop_daemon
	done
	;;
esac
