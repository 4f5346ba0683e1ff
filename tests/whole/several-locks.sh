# SPDX-License-Identifier: GPL-2.0-only
# Each of several sticks that are mounted together is this process's: who wants one of them
# is served by it, who wants it with others is refused; those who want the same ones at the
# same time, in any order, do not wait for each other for ever.
. "$TOP/tests/whole/lib.bash"
other=$WORK/other.img
third=$WORK/third.img
two=$WORK/mnt2
three=$WORK/mnt3
mkdir "$two" "$three"
mkdir -m 700 "$WORK/r"
export XDG_RUNTIME_DIR=$WORK/r
mount="timeout -k 3 60 $LKLUSB mount"
umount="timeout -k 3 60 $LKLUSB umount -q"
for file in "$img" "$other" "$third"; do
	make_fs ext4 "$file" 20M
	tune2fs -L "$(basename "$file" .img)" "$file" > /dev/null
done

mount_stick "$img" "$other" -p LABEL=stick
server=$(server_of)
log="--kernel-log $WORK/guest1.dmesg"
# alone, in another order, by another name
ln "$other" "$WORK/name"
for sources in "$other" "$other $img" "$img" "$WORK/name $img"; do
	$mount $log -p LABEL=other $sources "$two" || fail "$sources"
	[ "$(server_of "$two")" = "$server" ] || fail "another process for $sources"
	dir=$three refused already-mounted 32 $mount $log -p LABEL=stick $sources "$three"
	$umount "$two" || fail umount
done
for sources in "$other $third" "$third $img" "$third $img $other"; do
	dir=$two refused stick-options 1 $mount $log -p LABEL=other $sources "$two"
	grep -q 'not together with the same' "$WORK/out" || { cat "$WORK/out"; fail "why?"; }
done
$mount "$third" "$two" || fail "the third is nobody's"
dir=$three refused stick-options 1 $mount "$third" "$other" -p LABEL=other "$three"
$umount "$two" && umount_stick || fail umount
wait_gone "$server"
[ -z "$(ls "$XDG_RUNTIME_DIR/lklusb")" ] || fail "left: $(ls "$XDG_RUNTIME_DIR/lklusb")"

# killed: the next one is not misled, whichever it takes
mount_stick "$img" "$other" -p LABEL=stick
server=$(server_of)
kill -9 "$server"
wait_gone "$server"
fusermount3 -u -z "$dir"
for file in "$other" "$img"; do
	$mount "$file" "$two" || fail "$file after a kill"
	$umount "$two" || fail umount
done

# at the same time
for i in $(seq 8); do
	$mount $log -p LABEL=stick "$img" "$other" "$dir" > "$WORK/out1" 2>&1 & one=$!
	$mount $log -p LABEL=other "$other" "$img" "$two" > "$WORK/out2" 2>&1 & next=$!
	wait $one || fail "$(cat "$WORK/out1")"
	wait $next || fail "$(cat "$WORK/out2")"
	[ "$(server_of)" = "$(server_of "$two")" ] || fail "two processes"
	$umount "$dir" & $umount "$two" || fail umount
	wait $! || fail umount
done
# Each wants what another one has, in a ring: some are served, the others told why not.
for i in $(seq 4); do
	pids=()
	$mount -p LABEL=stick "$img" "$other" "$dir" > "$WORK/out1" 2>&1 & pids+=($!)
	$mount -p LABEL=other "$other" "$third" "$two" > "$WORK/out2" 2>&1 & pids+=($!)
	$mount -p LABEL=third "$third" "$img" "$three" > "$WORK/out3" 2>&1 & pids+=($!)
	n=0 served=0
	for pid in "${pids[@]}"; do
		n=$((n + 1))
		if wait "$pid"; then
			served=$((served + 1))
		else
			grep -q '\[stick-options\]' "$WORK/out$n" || { cat "$WORK/out$n"; fail "why?"; }
		fi
	done
	[ $served = 1 ] || fail "$served of a ring are served"
	for d in "$dir" "$two" "$three"; do
		! mountpoint -q "$d" || $umount "$d" || fail umount
	done
done
[ -z "$(ls "$XDG_RUNTIME_DIR/lklusb")" ] || fail "left: $(ls "$XDG_RUNTIME_DIR/lklusb")"
for file in "$img" "$other" "$third"; do
	check_fs ext4 "$file"
done
