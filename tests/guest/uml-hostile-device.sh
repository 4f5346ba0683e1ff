# SPDX-License-Identifier: GPL-2.0-only
# A device that lies to the guest's driver, on every kind of answer: the driver says so
# and gives the device up, or goes on; it can be unloaded, and a new one works. Variants late and never: tests/full.
# variant: early
# variant: events
# limit: 200
. "$TOP/tests/guest/lib.bash"
DAEMON=$TOP/build/host/tests/guest/hostile-device
export LIE=$WORK/lie
: > "$LIE"
case $1 in
early) at=3 lies='len-short len-zero len-long len-huge len-header command seq status
	actual-huge actual-negative n-packets twice other-head no-head' ;;
late) at=150 lies='len-short len-zero len-long len-huge len-header command seq status
	actual-huge actual-negative n-packets twice other-head no-head' ;;
never) at=150 lies='never' ;;
events) at=1 lies='event-type event-missed event-port event-devid event-speed
	event-short event-twice' ;;
esac
truncate -s 32M "$img" "$WORK/high.img"
start_daemon "$img" "$WORK/high.img,speed=high"
echo "$at $lies" > "$WORK/lies"
boot guest 190 <<'END'
read -r -d '' at lies < "$WORK/lies"
for lie in $lies; do
	echo "lie: $lie" > /dev/kmsg
	echo "$lie $at" > "$WORK/lie"
	load
	# There may never be a disk, or half of one.
	for i in $(seq 6); do has_disk sda && break; sleep 0.1; done
	for d in sda sdb; do
		[ ! -b /dev/$d ] ||
			timeout 40 dd if=/dev/$d of=/dev/null bs=64k count=100 iflag=direct 2> /dev/null
	done
	if [[ $lie = event* ]]; then
		touch "$WORK/replug"
		wait_for 20 test ! -e "$WORK/replug" || fail "nobody replugs"
	fi
	: > "$WORK/lie"
	unload
done
# the same device, honest
load
wait_disk sda
dd if=/dev/sda of=/dev/null bs=64k count=20 iflag=direct 2> /dev/null || fail "no reading after all"
unload
END
while kill -0 "$guest" 2> /dev/null; do
	if [ -e "$WORK/replug" ]; then
		signal_daemon USR1
		sleep 0.1
		signal_daemon USR2
		sleep 0.1
		rm "$WORK/replug"
	fi
	sleep 0.05
done
wait_guest guest
for lie in $lies; do
	grep -q "^lie: $lie$" "$WORK/daemon.log" || fail "the device never told $lie"
done
stop_daemon
# Trouble is looked for in guest.dmesg by tests/run.
[ "$1" = events ] || [ "$1" = never ] || grep -q 'giving the device up' "$WORK/guest.dmesg" || fail "nothing was noticed"
exit 0
