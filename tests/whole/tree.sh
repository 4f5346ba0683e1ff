# SPDX-License-Identifier: GPL-2.0-only
# A tree like that of a distribution's medium: programs, libraries and their links of this
# machine's /usr, hard links, long and foreign names, holes, extended attributes, pipes and
# devices. It goes in with tar and comes out the same: contents, modes, owners, times, links.
# variant: ext4
# full variant: xfs
# full variant: btrfs
# full variant: f2fs
AS_ROOT=1
. "$TOP/tests/whole/lib.bash"
need_root "$@"
export HOME=$WORK XDG_RUNTIME_DIR=
tree=$WORK/tree
mkdir -p "$tree/usr/bin" "$tree/usr/lib" "$tree/usr/share/zoneinfo" "$tree/long" "$tree/dev"
(cd /usr && cp -a --parents share/zoneinfo/Europe share/terminfo/x bin/[a-c]* \
	"$tree/usr" 2> /dev/null)
ln -s ../../usr/bin "$tree/dev/up" && ln -s /nowhere/at/all "$tree/dangling"
for i in $(seq 50); do ln "$tree/usr/bin/cat" "$tree/usr/lib/cat$i" || fail "hard link"; done
long=$(printf 'x%.0s' $(seq 255))
echo long > "$tree/long/$long"
mkdir -p "$tree/long/${long:0:200}/${long:0:200}/${long:0:200}"
echo deep > "$tree/long/${long:0:200}/${long:0:200}/${long:0:200}/f"
for name in 'a b' 'a	b' $'a\nb' 'ü日本' '"' '\' '*' '-rf' '.hidden' $'\xff\xfe'; do
	echo "$name" > "$tree/long/$name" || fail "name"
done
echo long links > "$tree/long/${long:0:250}.ext" && ln -s "${long:0:200}/${long:0:200}" "$tree/long/link"
truncate -s 40M "$tree/holes"
echo data | dd of="$tree/holes" bs=1 seek=20000000 conv=notrunc status=none
mkfifo "$tree/dev/pipe"
mknod "$tree/dev/null" c 1 3 && mknod "$tree/dev/disk" b 8 0 || fail mknod
chmod 4755 "$tree/usr/bin/chmod"; chmod 1777 "$tree/long"; chmod 000 "$tree/long/a b"
chown -h 1234:4321 "$tree/long/a b" "$tree/dangling"
touch -d '1975-06-07 08:09:10.123456789' "$tree/long/ü日本"
touch -h -d '2033-01-01' "$tree/dangling"
setfattr -n user.note -v "kept" "$tree/holes" || fail setfattr
setfattr -n user.big -v "$(head -c 1500 /dev/zero | tr '\0' v)" "$tree/long/*" || fail setfattr
[ "$(find "$tree" | wc -l)" -gt 300 ] || fail "there is too little in /usr"

# what FOLDER: a line for all that is in it; with what is in the files
what() {
	(cd "$1" && find . -mindepth 1 -not -name lost+found -printf '%P %y %m %U:%G %n %l ' \
		\( -type f -printf '%s ' -o -true \) \( -not -type d -printf '%T@' -o -true \) -printf '\0' |
		sort -z
	find . -type f -print0 | sort -z | xargs -0 sha256sum -z
	getfattr -R -h -d -m user --absolute-names . 2> /dev/null | LC_ALL=C sort
	find . -type f -links +1 -printf '%i\n' | sort | uniq -c | awk '{ print $1 }' | sort)
}

make_fs "$1" "$img" 600M
mount_stick "$img" --owner keep -o allow_other
tar -C "$tree" --xattrs --sparse -cf - . | tar -C "$dir" --xattrs --numeric-owner -xpf - || fail tar
what "$tree" > "$WORK/wanted"
what "$dir" > "$WORK/got"
cmp "$WORK/wanted" "$WORK/got" || { diff -a <(tr '\0' '\n' < "$WORK/wanted") <(tr '\0' '\n' < "$WORK/got") | head -20
	fail "differs while mounted"; }
cat "$dir/dev/null" 2> /dev/null && fail "a device of the stick can be opened"
umount_stick
check_fs "$1" "$img"
mount_stick "$img" --ro --owner keep -o allow_other
what "$dir" > "$WORK/got"
cmp "$WORK/wanted" "$WORK/got" || fail "differs after remount"
[ "$(stat -c %b "$dir/holes")" -lt 2000 ] || fail "the holes are filled"
umount_stick
