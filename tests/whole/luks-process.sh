# SPDX-License-Identifier: GPL-2.0-only
# Keys: libcryptsetup and OpenSSL are never in the process of the library kernel; no key is
# in argv, environment, log or anywhere that the user's other programs can read.
AS_ROOT=1
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
key=$WORK/key
printf 'secret%s' "$RANDOM$RANDOM" > "$key"
luks_image "$img" "$key"
volume=$(cryptsetup luksDump --dump-volume-key -q --key-file "$key" "$img" |
	sed -n '/MK dump/,$ s/.*\t//p' | tr -d ' \n')
[ ${#volume} = 128 ] || fail "volume key: $volume"

ldd "$LKLUSB" > "$WORK/libraries"
! grep -E 'libcrypt|libssl' "$WORK/libraries" || fail "lklusb links them"
ldd "$(dirname "$LKLUSB")/lklusb-key" | grep -q libcryptsetup || fail "the helper does not"

# what the helper shows while it waits for a passphrase
printf '#!/bin/sh\ntouch %s; while [ -e %s ]; do sleep 0.05; done; cat %s\n' \
	"$WORK/asks" "$WORK/asks" "$key" > "$WORK/askpass"
chmod +x "$WORK/askpass"
"$LKLUSB" mount --kernel-log "$WORK/guest.dmesg" --askpass "$WORK/askpass" "$img" "$dir" &
for i in $(seq 100); do
	[ -e "$WORK/asks" ] && break
	sleep 0.1
done
asker=$(pgrep -f "^/bin/sh $WORK/askpass")
helper=$(ps -o ppid= "$asker" | tr -d ' ')
comm=$(cat "/proc/$helper/comm")
cat "/proc/$helper/limits" "/proc/$helper/status" > "$WORK/helper"
ls -l "/proc/$helper/fd" > "$WORK/helper-files"
ls -l "/proc/$asker/fd" > "$WORK/askpass-files"
rm "$WORK/asks"
wait $! || fail mount
[ "$comm" = lklusb-key ] || fail "asked by $comm"
grep -q 'Max core file size *0 *0 ' "$WORK/helper" || fail "the helper may dump core"
[ "$(awk '$1 == "VmLck:" {print $2}' "$WORK/helper")" -gt 0 ] || fail "nothing is locked"
grep "$img" "$WORK/helper-files" && fail "the helper has the disk open"
grep -E 'memfd|/dev/.*random' "$WORK/askpass-files" && fail "askpass has what is the helper's"

server=$(server_of)
grep -E 'libcrypt|libssl' "/proc/$server/maps" && fail "OpenSSL beside the library kernel"
for where in cmdline environ; do
	grep -qaF "$(cat "$key")" "/proc/$server/$where" && fail "the passphrase is in $where"
done
grep -qF "$(cat "$key")" "$WORK/guest.dmesg" && fail "the passphrase is in the log"
grep -qF "${volume:0:32}" "$WORK/guest.dmesg" && fail "the volume key is in the log"
"$LKLUSB" dmesg "$dir" | grep -qF "${volume:0:32}" && fail "the volume key is in dmesg"
umount_stick

# an ordinary user's: not for this user's debugger, not for a core dump
chown -R 65534 "$WORK"
setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$WORK" \
	"$LKLUSB" mount --key-file "$key" "$img" "$dir" || fail "mount as a user"
for server in $(pgrep -u 65534 -f "lklusb mount --key-file $key"); do
	[ "$(cat "/proc/$server/comm")" = lklusb-broker ] || break
done
[ "$(stat -c %u "/proc/$server/mem")" = 0 ] || fail "its memory can be read"
setpriv --reuid 65534 --regid 65534 --clear-groups head -c1 "/proc/$server/maps" 2> /dev/null &&
	fail "its memory can be read"
setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$WORK" "$LKLUSB" umount -q "$dir" ||
	fail umount
