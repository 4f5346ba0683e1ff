# SPDX-License-Identifier: GPL-2.0-only
# What -J prints is what docs/lklusb.schema.json says, which Debian's validator reads.
. "$TOP/tests/whole/lib.bash"

# valid DEFINITION JSON-FILE
valid() {
	"$TOP/tests/valid-json" "$1" "$2" || fail "$1 is not as the schema says"
}
cd "$WORK" || fail cd

truncate -s 120M "$img"
printf 'label: gpt\nsize=60M, name=one\nsize=40M\n' | sfdisk -q "$img" || fail sfdisk
truncate -s 60M part
mkfs.ext4 -q -L stick part || fail mkfs
dd if=part of="$img" bs=1M seek=1 conv=notrunc,sparse status=none

"$LKLUSB" list -J > list.json || fail "list"
valid list list.json
"$LKLUSB" list --json "$img" > source.json || fail "list SRC"
valid list_source source.json
for option in --virtio-blk --ro; do
	mount_stick "$img" $option
	"$LKLUSB" status -J "$dir" > status.json || fail "status"
	valid status status.json
	[ "$option" = --ro ] || umount_stick
done
# Without the broker a mount stays that nobody serves; both processes are this test's own.
server=$(server_of)
kill -9 "$(ps -o pid= --ppid "$server" | tr -d ' ')" "$server"
for i in $(seq 100); do
	"$LKLUSB" status -J "$dir" > gone.json
	grep -q daemon-gone gone.json && break
	sleep 0.1
done
grep -q daemon-gone gone.json || fail "nobody is gone"
valid status gone.json
refused daemon-gone 32 "$LKLUSB" umount "$dir"
"$LKLUSB" doctor --json > doctor.json
valid doctor doctor.json

"$LKLUSB" export -q --unix "$WORK/socket" "$img" &
for i in $(seq 100); do [ -S socket ] && break; sleep 0.1; done
"$LKLUSB" list -J "usbip+unix:$WORK/socket/" > usbip.json || fail "list of a server"
grep -q busid usbip.json || fail "the server has nothing"
valid list_usbip usbip.json
kill $!

# the validator validates
echo '[{"dir": "/x"}]' > bad.json
if (valid status bad.json) 2> /dev/null; then fail "anything is valid"; fi
