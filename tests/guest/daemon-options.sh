# SPDX-License-Identifier: GPL-2.0-only
# The command line: what is refused, and what a guest sees of what is not.
# limit: 120
. "$TOP/tests/guest/lib.bash"

# refused WORDS command...
refused() {
	local words=$1 status
	shift
	timeout -k 3 10 "$@" > "$WORK/out" 2>&1
	status=$?
	[ "$status" = 1 ] || { cat "$WORK/out"; fail "status $status: $*"; }
	grep -q -- "$words" "$WORK/out" || { cat "$WORK/out"; fail "no '$words': $*"; }
}

truncate -s 8M "$img" "$WORK/a,b.img" "$WORK/high.img"
refused 'one of --socket-path and --fd' "$DAEMON" "$img"
refused 'one of --socket-path and --fd' "$DAEMON" --fd 0 --socket-path "$socket" "$img"
refused 'not a number' "$DAEMON" --fd x "$img"
refused 'not a number' "$DAEMON" --socket-path "$socket" --usb3-ports 16 "$img"
refused 'no such option' "$DAEMON" --socket-path "$socket" "$img,speed=warp"
refused 'No such file' "$DAEMON" --socket-path "$socket" "$WORK/none.img"
refused 'no free port' "$DAEMON" --socket-path "$socket" --usb2-ports 1 \
	"$img,speed=high" "$WORK/high.img,speed=high"
refused 'somebody else uses it' "$DAEMON" --socket-path "$socket" "$img" "$img"
refused 'Invalid argument' "$DAEMON" --fd 0 "$img"
refused 'No such file' "$DAEMON" --socket-path "$WORK/none/s" "$img"
refused 'File name too long' "$DAEMON" --socket-path "$WORK/$(printf '%0200d' 0)" "$img"
[ -e "$socket" ] && fail "a socket was left"
"$DAEMON" --print-capabilities --nothing-else-matters 2>/dev/null && fail "unknown option"
"$DAEMON" --print-capabilities | python3 -c 'import json, sys; json.load(sys.stdin)["type"]' ||
	fail "capabilities"
"$DAEMON" --version | grep -q '^vhost-user-usb ' || fail "version"

start_daemon "$img,ro,serial=0123456789AB" "$WORK/a,,b.img,sector-size=4096" \
	"$WORK/high.img,speed=high"
refused 'in use' "$DAEMON" --socket-path "$socket"
[ "$(stat -c %a "$socket")" = 600 ] || fail "others can connect"
run_guest guest 60 <<'END'
load
for d in sda sdb sdc; do wait_disk $d; done
grep -q 1 /sys/block/sd?/ro || fail "ro"
cat /sys/bus/usb/devices/*/serial | grep -qx 0123456789AB || fail "serial"
cat /sys/block/sd?/queue/logical_block_size | grep -qx 4096 || fail "sector size"
cat /sys/bus/usb/devices/*/speed | grep -qx 5000 || fail "super speed"
[ "$(cat /sys/bus/usb/devices/?-?/speed | grep -cx 480)" = 1 ] || fail "high speed"
END
stop_daemon
