# SPDX-License-Identifier: GPL-2.0-only
# As many ports as the protocol has, sticks in half of them: all 15 of USB 3, the last of
# USB 2 with the others. Each is itself, also after all were pulled and plugged in again.
# limit: 150
. "$TOP/tests/guest/lib.bash"
sticks=()
for i in $(seq 10 34); do
	head -c 1048576 /dev/zero > "$WORK/$i.img"
	echo "stick $i" | dd of="$WORK/$i.img" conv=notrunc status=none
	[ "$i" -lt 25 ] && speed=super || speed=high
	sticks+=("$WORK/$i.img,speed=$speed,serial=0000000000$i")
done
start_daemon --usb2-ports 31 --usb3-ports 15 "${sticks[@]}"
boot guest 100 <<'END'
disks() {
	[ "$(cat /sys/block/sd*/size 2> /dev/null | grep -cx 2048)" = "$1" ]
}
no_disks() {
	[ -z "$(ls /sys/block | grep '^sd')" ]
}
check_all() {
	local d serial
	wait_for 60 disks 25 || fail "$(ls /sys/block) are not 25 disks"
	for d in /sys/block/sd*; do
		serial=$(cat "$(readlink -f "$d/device")/../../../../serial")
		[ "$(head -1 "/dev/${d##*/}" | tr -d '\0')" = "stick ${serial#0000000000}" ] ||
			fail "$d is not stick $serial"
	done
}
load
cat /sys/bus/usb/devices/usb?/maxchild | sort -n | tr '\n' ' ' | grep -qx '15 31 ' || fail "ports"
check_all
touch "$WORK/pull"
wait_for 30 no_disks || fail "pulled sticks stay"
touch "$WORK/plug"
check_all
unload
END
wait_for 90 test -e "$WORK/pull" || fail "guest does not find its sticks"
signal_daemon USR1
wait_for 60 test -e "$WORK/plug" || fail "guest does not notice"
signal_daemon USR2
wait_guest guest
stop_daemon
