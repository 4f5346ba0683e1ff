# SPDX-License-Identifier: GPL-2.0-only
# The daemon imports from lklusb export, over TCP and over a socket: mounted, written,
# compared; the server dies while it is read, comes back and is plugged in again; what is
# refused.
# limit: 150
. "$TOP/tests/guest/lib.bash"
exports=

# start_export ARGUMENTS: sets port, if there is one
start_export() {
	: > "$WORK/export.log"		# now, not when the background has got that far
	"$TOP/build/lklusb" export "$@" > "$WORK/export.log" 2>&1 &
	exports="$exports $!"
	wait_for 10 grep -q "listening on" "$WORK/export.log" || { cat "$WORK/export.log"; fail "export $*"; }
	port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$WORK/export.log")
}
trap 'cleanup; kill $exports 2> /dev/null' EXIT

refused() {
	timeout -k 3 20 "$DAEMON" --socket-path "$socket" "${@:2}" > "$WORK/out" 2>&1 &&
		fail "not refused: ${*:2}"
	grep -q -- "$1" "$WORK/out" || { cat "$WORK/out"; fail "no '$1'"; }
}

for wrong in usbip: usbip://host usbip://host/ usbip+unix:1-1 usbip+fd:x/1-1; do
	refused 'not usbip://HOST' "$wrong"
done
refused 'no such option' usbip://host/1-1,ro
refused 'nobody listens there' usbip://127.0.0.1:1/1-1
refused 'nobody listens there' "usbip+unix:$WORK/e/1-1"
refused 'not a connected stream socket' usbip+fd:0/1-1 < /dev/null

make_ext4 "$img" 64M
truncate -s 32M "$WORK/two.img"
head -c 3000000 /dev/urandom > "$WORK/data"
start_export --unix "$WORK/e" "$WORK/two.img"
start_export --listen 127.0.0.1:0 --speed high "$img"
last=${exports##* }
refused 'no such device is exported' "usbip://127.0.0.1:$port/1-2"
start_daemon "usbip://127.0.0.1:$port/1-1" "usbip+unix:$WORK/e/1-1,filter=delay:10"
refused 'somebody else has imported it' "usbip://127.0.0.1:$port/1-1"
boot guest 120 <<'END'
load
wait_disk sda
wait_disk sdb
two=sdb
[ "$(cat /sys/block/sda/size)" = 131072 ] || two=sda
one=sd$(echo $two | tr sdab sdba | cut -c 3)
mount_disk $one
cp "$WORK/data" /run/mnt/data || fail "cp"
umount_disk
drop_caches
mount_disk $one
cmp "$WORK/data" /run/mnt/data || fail "data"
umount_disk
dd if="$WORK/data" of=/dev/$two bs=64k oflag=direct conv=notrunc 2> /dev/null || fail "dd"
while dd if=/dev/$one of=/dev/null bs=64k iflag=direct 2> /dev/null; do
	touch "$WORK/busy"
done
wait_for 20 not test -b /dev/$one || fail "it does not go"
# The other one is untouched by that.
dd if=/dev/$two of=/dev/null bs=64k iflag=direct count=100 2> /dev/null || fail "the other one"
touch "$WORK/gone"
wait_for 40 test -e "$WORK/back" || fail "nobody comes back"
wait_disk sda
wait_disk sdb
two=sdb
[ "$(cat /sys/block/sda/size)" = 131072 ] || two=sda
one=sd$(echo $two | tr sdab sdba | cut -c 3)
mount_disk $one
cmp "$WORK/data" /run/mnt/data || fail "data after it came back"
umount_disk
END
wait_for 60 test -e "$WORK/busy" || fail "guest is not busy"
kill -KILL "$last"
wait_for 30 test -e "$WORK/gone" || fail "guest does not notice"
# It comes back by itself; pulled and plugged in by hand it is one more device.
start_export --listen "127.0.0.1:$port" --speed high "$img"
again() {
	[ "$(grep -c "port 1: usbip, speed 3" "$WORK/daemon.log")" = "$1" ]
}
wait_for 20 again 2 || fail "not imported again"
signal_daemon USR1
signal_daemon USR2
wait_for 20 again 3 || fail "not imported by hand"
touch "$WORK/back"
wait_guest guest
stop_daemon
check_ext4 "$img"
cmp -n 3000000 "$WORK/data" "$WORK/two.img" || fail "data of the second"
