# SPDX-License-Identifier: GPL-2.0-only
# A device that lies to the guest's driver, on every kind of answer: the driver says so
# and gives the device up, or goes on; it can be unloaded, and a new one works. Variants late and never: tests/full.
# variant: early
# variant: events
# limit: 200
. "$TOP/tests/guest/lib.bash"
. "$TOP/tests/guest/hostile.bash"
: > "$LIE"
case $1 in
early) at=3 ;;
late) at=150 ;;
never) at=150 lies='never' ;;
events) at=1 lies='event-type event-missed event-port event-devid event-speed
	event-short event-twice' ;;
esac
: "${lies:=len-short len-zero len-long len-huge len-header command seq status actual-huge \
	actual-negative n-packets twice other-head no-head}"
truncate -s 32M "$img" "$WORK/high.img"
start_daemon "$img" "$WORK/high.img,speed=high"
echo "$at" $lies > "$WORK/lies"
boot guest 190 <<'END'
. "$TOP/tests/guest/hostile.bash"
read -r at lies < "$WORK/lies"
for lie in $lies; do
	tell $lie $at
	load
	# There may never be a disk, or half of one.
	for i in $(seq 6); do has_disk sda && break; sleep 0.1; done
	for d in sda sdb; do
		[ ! -b /dev/$d ] ||
			timeout 40 dd if=/dev/$d of=/dev/null bs=64k count=100 iflag=direct 2> /dev/null
	done
	if [[ $lie = event* ]]; then
		pull
		plug
	fi
	honest
	unload
done
# the same device, honest
load
wait_disk sda
dd if=/dev/sda of=/dev/null bs=64k count=20 iflag=direct 2> /dev/null || fail "no reading after all"
unload
END
obey
wait_guest guest
for lie in $lies; do
	grep -q "^lie: $lie$" "$WORK/daemon.log" || fail "the device never told $lie"
done
stop_daemon
# Trouble is looked for in guest.dmesg by tests/run.
[ "$1" = events ] || [ "$1" = never ] || grep -q 'giving the device up' "$WORK/guest.dmesg" || fail "nothing was noticed"
exit 0
