# SPDX-License-Identifier: GPL-2.0-only
# lklusb export and lklusb mount with each other: IPv4, IPv6, a unix socket, standard
# input and output, an inherited socket; several devices, each on its own connection;
# what is refused. Debian's usbip reads the list, which needs nothing of the kernel.
. "$TOP/tests/whole/lib.bash"
mount="$LKLUSB mount"

# start_export [arguments]: sets port, if there is one
start_export() {
	"$LKLUSB" export "$@" > "$WORK/export.log" 2>&1 &
	export=$!
	for i in $(seq 100); do
		grep -q "listening on" "$WORK/export.log" && break
		sleep 0.1
	done
	grep -q "listening on" "$WORK/export.log" || { cat "$WORK/export.log"; fail "export $*"; }
	port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$WORK/export.log")
}

stop_export() {
	kill -TERM "$export"
	wait "$export" || fail "export ends with status $?"
}

trap 'cleanup; kill $(jobs -p) 2> /dev/null' EXIT

# A server that ends with its connection still has the image for a moment.
wait_unlocked() {
	for i in $(seq 100); do
		flock -n "$img" true && return
		sleep 0.1
	done
	fail "nobody lets go of $img"
}

# on_it SRC [stdio]: written, unmounted, mounted, compared
on_it() {
	head -c 3000000 /dev/urandom > "$WORK/data"
	mount_stick "$1"
	cp "$WORK/data" "$dir/data" || fail "cp to $1"
	umount_stick
	[ -z "${2:-}" ] || wait_unlocked
	mount_stick "$1"
	cmp "$WORK/data" "$dir/data" || fail "other data on $1"
	umount_stick
}

make_fs ext4 "$img" 64M
make_fs ext4 "$WORK/two.img" 64M

# TCP, both families.
start_export --listen 127.0.0.1:0 "$img"
on_it "usbip://127.0.0.1:$port/1-1"
"$LKLUSB" list "usbip://localhost:$port/1-1" | grep -q "ext4 *stick" || fail "list"
refused usbip-missing 32 $mount "usbip://127.0.0.1:$port/1-2" "$dir"
refused usage 1 $mount "usbip://127.0.0.1:$port" "$dir"
refused source-busy 32 "$LKLUSB" export "$img" --listen 127.0.0.1:0
mount_stick "usbip://127.0.0.1:$port/1-1"
mkdir -p "$WORK/other"
dir=$WORK/other refused already-mounted 32 $mount "usbip://127.0.0.1:$port/1-1" "$WORK/other"
# Who does not find the process that has it.
mkdir -m 700 "$WORK/run"
dir=$WORK/other refused usbip-busy 32 env XDG_RUNTIME_DIR="$WORK/run" $mount \
	"usbip://127.0.0.1:$port/1-1" "$WORK/other"
umount_stick
stop_export
refused usbip-refused 32 $mount "usbip://127.0.0.1:$port/1-1" "$dir"
start_export --listen '[::1]:0' "$img"
on_it "usbip://[::1]:$port/1-1"
usbip --tcp-port "$port" list -r ::1 2>&1 | tee "$WORK/list" | grep -q "1-1: .*(1209:0001)" ||
	{ cat "$WORK/list"; fail "usbip list"; }
stop_export

# Two devices at the same time; one is read-only for all.
start_export --listen 127.0.0.1:0 "$img" "$WORK/two.img"
mkdir "$WORK/mnt2"
mount_stick "usbip://127.0.0.1:$port/1-1"
timeout -k 3 60 $mount --kernel-log "$WORK/second.dmesg" "usbip://127.0.0.1:$port/1-2" \
	"$WORK/mnt2" || fail "the second"
cp "$WORK/data" "$WORK/mnt2/" & cp "$WORK/data" "$dir/again"
wait $! || fail "cp to the second"
umount_stick
umount_stick "$WORK/mnt2"
stop_export
start_export --listen 127.0.0.1:0 --ro "$img"
mount_stick "usbip://127.0.0.1:$port/1-1"
touch "$dir/x" 2> /dev/null && fail "written though the export is read-only"
cmp "$WORK/data" "$dir/again" || fail "data of the first of two"
umount_stick
stop_export

# A server that is killed.
start_export --listen 127.0.0.1:0 "$img"
$mount -f "usbip://127.0.0.1:$port/1-1" "$dir" > "$WORK/out" 2>&1 &
server=$!
for i in $(seq 100); do mountpoint -q "$dir" && break; sleep 0.1; done
kill -KILL "$export"
wait "$server"
[ $? = 32 ] || fail "status after the server was killed"
grep -q "\[device-gone\]" "$WORK/out" || { cat "$WORK/out"; fail "no [device-gone]"; }

# As ssh carries it: a forwarded socket; a command's standard input and output.
start_export --unix "$WORK/s" "$img"
[ "$(stat -c %a "$WORK/s")" = 600 ] || fail "the socket is open to others"
"$LKLUSB" list "usbip+unix:$WORK/s/" | grep -q "^1-1 " || fail "list over the socket"
on_it "usbip+unix:$WORK/s/1-1"
stop_export
[ ! -e "$WORK/s" ] || fail "the socket stays"
socat "UNIX-LISTEN:$WORK/s,fork" "EXEC:$LKLUSB export --stdio $img" &
for i in $(seq 100); do [ -S "$WORK/s" ] && break; sleep 0.1; done
"$LKLUSB" list -J "usbip+unix:$WORK/s/" | grep -q '"busid": *"1-1"' || fail "over stdio"
wait_unlocked
on_it "usbip+unix:$WORK/s/1-1" stdio
wait_unlocked
timeout -k 3 60 socat "EXEC:$LKLUSB export --stdio $img,pipes" \
	"EXEC:'bash -c \"$LKLUSB list usbip+fd:0/1-1 > $WORK/out\"'"
grep -q "ext4 *stick" "$WORK/out" || { cat "$WORK/out"; fail "over pipes, to a descriptor"; }
wait_unlocked

# What is refused.
refused listen-all 1 "$LKLUSB" export "$img" --listen 0.0.0.0:0
refused listen-all 1 "$LKLUSB" export "$img" --listen '[::]:0'
refused listen-all 1 "$LKLUSB" export "$img" --listen ::
refused listen-all 1 "$LKLUSB" export "$img" --listen '[::ffff:0.0.0.0]:0'
start_export --listen 0.0.0.0:0 --all-addresses "$img"
grep -q "neither passwords nor encryption" "$WORK/export.log" || fail "no warning"
stop_export
start_export --listen 127.0.0.1:0 "$img"
refused listen 2 "$LKLUSB" export "$WORK/two.img" --listen "127.0.0.1:$port"
stop_export
refused listen 2 "$LKLUSB" export "$img" --unix "$WORK/no/such/folder"
refused usage 1 "$LKLUSB" export "$img" --unix "$WORK/s2" --stdio
refused usage 1 "$LKLUSB" export --uas "$img"
refused usage 1 $mount usbip+fd:0/1-1 "$dir" < /dev/null
refused source-missing 32 "$LKLUSB" export "$WORK/none.img"
refused usbip-unreachable 32 $mount usbip://no-such-host.invalid/1-1 "$dir"
for wrong in usbip:1-1 usbip:// usbip://host:port/1-1 'usbip://[::1/1-1' usbip+unix:/s \
	usbip+fd:x/1-1 usbip://host/1/1; do
	refused source-kind 1 $mount "$wrong" "$dir"
done

# Servers that say something else.
printf '\1\6\0\3\0\0\0\0' > "$WORK/version"
printf '\1\21\0\3\0\0\0\3' > "$WORK/broken"
printf 'HTTP/1.1 400 Bad Request\r\n\r\n' > "$WORK/web"
for kind in version:usbip-version broken:usbip-device web:usbip-protocol; do
	socket=$WORK/s-${kind%:*}	# the one before removes its own when it ends
	socat "UNIX-LISTEN:$socket" "SYSTEM:cat $WORK/${kind%:*}; sleep 1" &
	for i in $(seq 100); do [ -S "$socket" ] && break; sleep 0.1; done
	refused "${kind#*:}" 32 $mount "usbip+unix:$socket/1-1" "$dir"
done
check_fs ext4 "$img"
check_fs ext4 "$WORK/two.img"
