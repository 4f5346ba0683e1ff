# SPDX-License-Identifier: GPL-2.0-only
# A passphrase is asked for on the terminal, without echo, three times; Ctrl-C and SIGTERM
# end that, and leave the terminal and the folder as they were.
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
. "$TOP/tests/whole/terminal.bash"
key=$WORK/key
printf 'pass phrase' > "$key"
luks_image "$img" "$key"
on_terminal "$LKLUSB mount $img $dir"
shown 'Passphrase for'
echo wrong >&9
shown 'No key slot matches, try 1/3'
shown 'Passphrase for' 2
echo 'pass phrase' >&9
finish 0
[ "$(cat "$dir/file")" = inside ] || fail "not mounted"
umount_stick

on_terminal "$LKLUSB mount $img $dir"
for i in 1 2 3; do
	shown 'Passphrase for' $i
	echo wrong >&9
done
shown '\[luks-key\]'
finish 32

on_terminal "$LKLUSB mount $img $dir"
shown 'Passphrase for'
printf '\003' >&9
shown '\[luks-cancelled\]'
finish 32

on_terminal "sh -c 'echo \$\$ > $WORK/pid; exec $LKLUSB mount -f $img $dir'"
shown 'Passphrase for'
kill "$(cat "$WORK/pid")"
shown '\[luks-cancelled\]'
finish 32
mountpoint -q "$dir" && fail "left a mount"
exit 0
