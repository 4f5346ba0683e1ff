# SPDX-License-Identifier: GPL-2.0-only
# A second encrypted partition of a stick that a process serves already: whoever asks for
# it gives its key, by a helper of its own; each ends by itself.
# variant: keys
# variant: terminal
# variant: ends
# variant: hostile
AS_ROOT=
case $1 in keys | hostile) AS_ROOT=1 ;; esac
. "$TOP/tests/whole/one-kernel.bash"
. "$TOP/tests/whole/luks.bash"
. "$TOP/tests/whole/terminal.bash"
[ -z "$AS_ROOT" ] || need_root "$@"
printf 'first secret' > "$WORK/key1"
printf 'second secret' > "$WORK/key2"
luks_stick "$img" "$WORK/key1" "$WORK/key2"
umount="$umount -q"
first() {
	mount_stick "$img" -p 1 --key-file "$WORK/key1"
	server=$(server_of)
	second="$mount --kernel-log $WORK/guest$mounts.dmesg -p 2"
	command="$LKLUSB mount --kernel-log $WORK/guest$mounts.dmesg -p 2"
}
[ "$1" != hostile ] || { mkdir -m 700 "$WORK/r" && export XDG_RUNTIME_DIR=$WORK/r; }
first

# works [N]: the first one, and the N-th partition on $two
works() {
	[ "$(cat "$dir/file")" = "inside 1" ] && [ "$(server_of)" = "$server" ] ||
		fail "the first does not work"
	[ -z "${1:-}" ] && return
	[ "$(cat "$two/file")" = "inside $1" ] && [ "$(server_of "$two")" = "$server" ] ||
		fail "the second does not work"
}

# refuse CODE STATUS options...: for the second; the first goes on
refuse() {
	local code=$1 want=$2
	shift 2
	dir=$two refused "$code" "$want" $second "$@" "$img" "$two"
	works
}

keys() {
	local before
	before=$(ls "/proc/$server/fd" | wc -l)
	printf '#!/bin/sh\nps -o comm=,ppid= $PPID > %s\ncat %s\n' "$WORK/asked" "$WORK/key2" > "$WORK/askpass"
	chmod +x "$WORK/askpass"
	for way in "--key-file $WORK/key2" "--key-fd 8" "--askpass $WORK/askpass" \
		"--keyring lklusb-test" "--header $WORK/header --key-file $WORK/key2"; do
		if [ "${way#--header}" != "$way" ]; then
			dd if="$img" of="$WORK/part" bs=1M skip=61 count=60 status=none
			cryptsetup luksHeaderBackup -q --header-backup-file "$WORK/header" "$WORK/part" ||
				fail backup
		fi
		keyctl session - bash -c "keyctl padd user lklusb-test @s < '$WORK/key2' > /dev/null
			$second $way '$img' '$two'" 8< "$WORK/key2" > "$WORK/out" 2>&1 ||
			{ cat "$WORK/out"; fail "$way"; }
		works 2
		for n in 1 2; do
			d=$([ $n = 1 ] && echo "$dir" || echo "$two")
			"$LKLUSB" status -J "$d" | grep -q '"encryption":"luks2"' || fail "status $n"
		done
		$umount "$two" || fail umount
	done
	# Not a child of the process that serves: of one whose parent is not that either.
	grep -q '^lklusb-key ' "$WORK/asked" || fail "asked by $(cat "$WORK/asked")"
	[ "$(awk '{print $2}' "$WORK/asked")" != "$server" ] || fail "the helper is the server's"
	[ "$(ls "/proc/$server/fd" | wc -l)" = "$before" ] || fail "descriptors are left over"

	refuse luks-key 32 --key-file "$WORK/key1"
	refuse key-file 1 --key-file "$WORK/none"
	refuse luks-cancelled 32 --askpass /bin/false
	refuse key-file 1 --askpass "$WORK/none"
	dir=$two refused luks-passphrase 32 setsid -w $second "$img" "$two"
	# its own log and arguments know nothing
	for where in cmdline environ; do
		grep -qa secret "/proc/$server/$where" && fail "a key is in $where"
	done
	"$LKLUSB" dmesg "$dir" | grep -q secret && fail "a key is in the log"

	# Which is first does not matter, nor whether that is encrypted.
	$second --key-file "$WORK/key2" "$img" "$two" || fail "again"
	$umount "$dir" || fail "umount of the first"
	dir=$three refused already-mounted 32 $second --key-file "$WORK/key2" "$img" "$three"
	$mount --kernel-log "$WORK/guest$mounts.dmesg" -p 1 --key-file "$WORK/key1" "$img" "$dir" ||
		fail "the first again"
	works 2
	echo written > "$two/written" || fail "write"
	$umount "$two" && $umount "$dir" || fail umount
	wait_gone "$server"
	mount_stick "$img" -p 2 --key-file "$WORK/key2"
	[ "$(cat "$dir/written")" = written ] || fail "what was written"
	umount_stick
}

terminal() {
	on_terminal "$command $img $two"
	shown "Passphrase for partition 2 (LUKS "
	echo wrong >&9
	shown 'No key slot matches, try 1/3'
	# the process that serves waits for nobody
	echo more > "$dir/more" || fail "a write while somebody types"
	dir=$three refused already-mounted 32 $second --key-file "$WORK/key2" "$img" "$three"
	echo 'second secret' >&9
	finish 0
	works 2
	$umount "$two" || fail umount

	on_terminal "$command $img $two"
	shown 'Passphrase for'
	printf '\003' >&9
	shown '\[luks-cancelled\]'
	finish 32
	works
	# SIGTERM, or the end of the process that asks: the terminal as it was, the part free
	for signal in TERM KILL; do
		on_terminal "sh -c 'echo \$\$ > $WORK/pid; exec $command $img $two'"
		shown 'Passphrase for'
		kill -$signal "$(cat "$WORK/pid")"
		finish "$([ $signal = TERM ] && echo 32 || echo 137)"
		! grep -q " $two fuse" /proc/mounts || fusermount3 -u -z "$two"
		free() {
			$second --key-file "$WORK/key2" "$img" "$two" 2> "$WORK/again"
		}
		wait_until free
		works 2
		$umount "$two" || fail umount
	done
	# ... of the process that serves
	on_terminal "$command $img $two"
	shown 'Passphrase for'
	kill -9 "$server"
	shown '\[daemon-gone\]'
	finish 32
	fusermount3 -u -z "$dir"
	! mountpoint -q "$two" || fail "left a mount"
	# ... which is told to end
	first
	on_terminal "$command $img $two"
	shown 'Passphrase for'
	kill "$server"
	finish 32
	wait_gone "$server"
}

# Locked twice, unmounted one by one, ended by kill -9.
ends() {
	local one other mnt2=$two
	for i in 1 2; do
		two=$mnt2
		$second --key-file "$WORK/key2" "$img" "$two" > "$WORK/out1" 2>&1 & one=$!
		$second --key-file "$WORK/key2" "$img" "$three" > "$WORK/out2" 2>&1 & other=$!
		wait $one; one=$?
		wait $other; other=$?
		[ $((one + other)) = 32 ] || fail "statuses $one and $other"
		grep -q '\[already-mounted\]' "$WORK/out1" "$WORK/out2" || fail "no [already-mounted]"
		mountpoint -q "$two" || two=$three
		works 2
		[ "$i" = 2 ] || $umount "$two" || fail umount
		works
	done
	sync -f "$two" && echo acknowledged > "$two/acknowledged" && sync "$two/acknowledged"
	kill -9 "$server"
	wait_gone "$server"
	for d in "$dir" "$two"; do
		wait_unmounted "$d"
	done
	mount_stick "$img" -p 2 --key-file "$WORK/key2"
	[ "$(cat "$dir/acknowledged")" = acknowledged ] || fail "what was acknowledged"
	server=$(server_of)
	$mount --kernel-log "$WORK/guest$mounts.dmesg" -p 1 --key-file "$WORK/key1" "$img" "$two" ||
		fail "the other"
	$umount "$dir" || fail umount
	[ "$(cat "$two/file")" = "inside 1" ] || fail "the other ended, too"
	$umount "$two" || fail umount
	wait_gone "$server"
}

hostile() {
	local before socket c
	socket=$(echo "$XDG_RUNTIME_DIR"/lklusb/stick-*[0-9a-f])
	[ -S "$socket" ] || fail "no socket: $socket"
	before=$(ls "/proc/$server/fd" | wc -l)
	VERSION=$("$LKLUSB" --version | sed 's/lklusb \([^,]*\),.*/\1/') \
		KLOG=$WORK/guest$mounts.dmesg timeout -k 3 100 python3 -B \
		"$TOP/tests/whole/hostile-keys.py" "$socket" "file $(stat -c '%Hd:%Ld %i' "$img")" \
		"$img" "$two" > "$WORK/answers" || { cat "$WORK/answers"; fail "the hostile client"; }
	cat "$WORK/answers"
	! grep -q 'can be written to' "$WORK/answers" || fail "the header can be written to"
	for c in unasked file stream nothing noise short long fds two; do
		grep -q "^$c taken|key|E.*done \(2\|32\)|\$" "$WORK/answers" || fail "$c"
	done
	works
	[ "$(ls "/proc/$server/fd" | wc -l)" = "$before" ] ||
		{ ls -l "/proc/$server/fd"; fail "descriptors are left over"; }
	$second --key-file "$WORK/key2" "$img" "$two" || fail "afterwards"
	works 2
	$umount "$two"
	umount_stick
}

$1
exit 0
