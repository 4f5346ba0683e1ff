# SPDX-License-Identifier: GPL-2.0-only
# What takes long is shown, on a terminal only, and the line is gone at the end.
. "$TOP/tests/whole/lib.bash"
make_fs ext4 "$img" 100M
slow="--filter delay:20000"

# on_terminal command...: its output there is in $WORK/tty
on_terminal() {
	timeout -k 3 100 script -qec "$*" "$WORK/tty" > /dev/null < /dev/null || fail "$*: $(cat "$WORK/tty")"
}
# cleared: the last line that ends with a carriage return only is empty
cleared() {
	tr '\r' '\n' < "$WORK/tty" | grep -aE '\.\.\. [0-9]+ (s|%)' > /dev/null || fail "$1: $(cat -v "$WORK/tty")"
	LC_ALL=C awk -v RS='\r' '{ line = $0; sub(/^\033\[K/, "", line); last = line } END { exit last ~ /\.\.\. [0-9]+ (s|%)/ }' "$WORK/tty" ||
		fail "$1: the line stays: $(cat -v "$WORK/tty")"
}

on_terminal "$LKLUSB mount $slow --kernel-log $WORK/a.dmesg $img $dir"
cleared "mount"
grep -aq "Waiting for the stick ... [0-9]* s" "$WORK/tty" || fail "mount: $(cat -v "$WORK/tty")"
head -c 6M /dev/urandom > "$dir/f"
on_terminal "$LKLUSB umount $dir"
cleared "umount"
grep -aqE "Flushing [0-9]+ MiB \.\.\. [0-9]+ %" "$WORK/tty" || fail "umount: $(cat -v "$WORK/tty")"
grep -aq "Done. Safe to unplug" "$WORK/tty" || fail "umount"

mount_stick "$img" $slow > "$WORK/out" 2>&1
grep -q "\.\.\." "$WORK/out" && fail "progress without a terminal"
head -c 2M /dev/urandom > "$dir/g"
on_terminal "$LKLUSB umount -q $dir"
[ -s "$WORK/tty" ] && grep -a "Flushing" "$WORK/tty" && fail "progress with -q"
check_fs ext4 "$img"
