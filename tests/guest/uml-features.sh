# SPDX-License-Identifier: GPL-2.0-only
# Optional features off on either side: they are gone and all else works as before. Here
# all at once; tests/full/uml-features-each.sh takes one at a time.
# variant: driver all
# variant: device all
# limit: 120
. "$TOP/tests/guest/lib.bash"
truncate -s 16M "$img"
cat > "$WORK/look.bash" <<'END'
. "$TOP/tests/guest/usbtest.bash"
zero_is_there() { grep -qs Zero /sys/bus/usb/devices/*/product; }
has_suspended() { [ "$(grep -c ': suspended' "$WORK/daemon.log")" -gt "$1" ]; }

# look FEATURE...: what each feature does, with those off
look() {
	local off=$* zero before want
	off() { [[ " $off " = *" $1 "* ]]; }
	load_usbtest alt=1
	wait_for 20 zero_is_there && wait_for 20 usbtest_bound 1 || fail "$off: no test device"
	wait_disk sda
	zero=$(dirname "$(grep -l Zero /sys/bus/usb/devices/*/product)")

	want=10000; off ssp && want=5000
	[ "$(cat "$zero/speed")" = $want ] || fail "$off: speed $(cat "$zero/speed")"

	want=uas; off streams && want=usb-storage
	[ -e "/sys/bus/usb/drivers/$want/"*-2:1.0 ] || fail "$off: no $want"
	dd if=/dev/sda of=/dev/null bs=1M iflag=direct 2> /dev/null || fail "$off: read"

	rm -f /run/cases
	run_cases /run/cases 1 "-t 16 -c 2 -s 2048 -g 4"
	want="16 passed"; off iso && want="16 errno 22"
	[ "$(cat /run/cases)" = "$want" ] || fail "$off: usbtest $(cat /run/cases)"

	rmmod usbtest
	before=$(grep -c ': suspended' "$WORK/daemon.log")
	echo 0 > "$zero/power/autosuspend_delay_ms"
	echo auto > "$zero/power/control"
	wait_for 10 eval '[ "$(cat '"$zero"'/power/runtime_status)" = suspended ]' || fail "$off: awake"
	if off port-pm; then
		has_suspended "$before" && fail "$off: the device was told"
	else
		wait_for 10 has_suspended "$before" || fail "$off: the device was not told"
	fi
	echo on > "$zero/power/control"
	[ "$(cat "$zero/manufacturer")" = lklusb ] || fail "$off: after resume"
	return 0
}
END
# with_off FEATURE...: a guest that goes without them
with_off() {
	local name parameter= device= mask=0 bit=51
	for name in streams iso port-pm ssp; do
		case " $* " in *" $name "*)
			mask=$((mask | 1 << bit))
			device="$device --without $name" ;;
		esac
		bit=$((bit + 1))
	done
	case $side in
	driver) parameter=features_off=$mask device= ;;
	esac
	start_daemon $device "zero:,speed=super-plus" "$img,protocol=uas"
	run_guest "without-${1:-nothing}" 60 <<END
. "\$WORK/look.bash"
insmod "\$MODULE" $parameter || fail insmod
bit=51
for name in streams iso port-pm ssp; do
	bit=\$((bit + 1))
	case " $* " in *" \$name "*) want=0;; *) want=1;; esac
	[ "\$(cut -c \$bit /sys/bus/virtio/devices/virtio0/features)" = \$want ] || fail "\$name: not \$want"
done
look $*
END
	stop_daemon
}

side=$1
# A kernel each: virtio_uml never offers again what was once not accepted.
if [ "$2" = all ]; then
	with_off streams iso port-pm ssp
	exit 0
fi
for off in '' streams iso port-pm ssp; do
	with_off $off
done
