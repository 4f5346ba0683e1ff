# SPDX-License-Identifier: GPL-2.0-only
# What whoever has taken the serving process over does to those outside of its sandbox: the
# broker does not hang in its mount, and writes to no terminal; umount, status and dmesg,
# also root's, are not steered by what it answers; the key helper opens no file for it.
AS_ROOT=1
. "$TOP/tests/whole/lib.bash"
need_root "$@"
make_fs ext4 "$img" 50M
key=$WORK/luks.img
truncate -s 20M "$key"
echo secret | cryptsetup -q luksFormat --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
	"$key" - || fail luksFormat
dd if=/dev/zero of="$key" bs=512 count=1 conv=notrunc status=none
chown -R 65534:65534 "$WORK"
mkdir -m 755 "$WORK/run"
chown 65534 "$WORK/run"
as() {
	HOME=$WORK XDG_RUNTIME_DIR=$WORK/run setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}
evil() {
	timeout -k 3 60 python3 "$TOP/tests/whole/taken-over.py" "$@"
}
begin() {
	as "$LKLUSB" mount --kernel-log "$WORK/guest.dmesg" "$img" "$dir" || fail mount
	server=$(as "$LKLUSB" status -J "$dir" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	broker=$(ps -o pid= --ppid "$server" | tr -d ' ')
	[ "$(cat "/proc/$broker/comm")" = lklusb-broker ] || fail "no broker"
}

begin
evil broker "$server" "$dir" "$WORK/guest.dmesg" > "$WORK/out" || fail "$(cat "$WORK/out")"
grep -qx 'same 0' "$WORK/out" || fail "the log is not itself: $(cat "$WORK/out")"
wait_gone "$broker"
wait_unmounted
begin
evil emergency "$server" > "$WORK/out"
grep -qx 'emergency over' "$WORK/out" || fail "$(cat "$WORK/out")"
wait_unmounted

setpriv --reuid 65534 --regid 65534 --clear-groups /usr/bin/python3 "$TOP/tests/whole/taken-over.py" mount /nothing "$dir" "$WORK/run/lklusb" \
	> "$WORK/ready" &
liar=$!
trap 'kill $liar; umount -l "$dir"' EXIT
for i in $(seq 100); do grep -q ready "$WORK/ready" && break; sleep 0.1; done
grep -q ready "$WORK/ready" || fail "nobody lies"
for command in status 'status -J' dmesg 'umount --all'; do
	as timeout -k 3 30 "$LKLUSB" $command "$dir" > "$WORK/shown" 2>&1
	status=$?
	[ $status -lt 124 ] || fail "$command: status $status"
	grep -q $'\033' "$WORK/shown" && { cat -v "$WORK/shown"; fail "$command steers the terminal"; }
	[ "$(stat -c %s "$WORK/shown")" -lt 10000000 ] || fail "$command: no end"
done
kill $liar
trap cleanup EXIT

before=$(sha256sum < "$key")
evil key "$(dirname "$LKLUSB")/lklusb-key" "$key" > "$WORK/out"
grep -qx 'key 0' "$WORK/out" || fail "the helper answers about a file: $(cat "$WORK/out")"
[ "$(sha256sum < "$key")" = "$before" ] || fail "it wrote to the file"
exit 0
