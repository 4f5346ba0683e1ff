# SPDX-License-Identifier: GPL-2.0-only
# Without FUSE: what comes out is what was put in, and the stick's names, links and nodes
# make nothing outside of the folder that was asked for.
# variant: ext4
# variant: xfs
# variant: btrfs
# variant: vfat
# variant: ext4 uas
# variant: hostile
. "$TOP/tests/whole/lib.bash"
to=$WORK/to
mkdir "$to"

# copies STATUS arguments...
copies() {
	local want=$1 status
	shift
	timeout -k 3 60 "$LKLUSB" cp "$@" > "$WORK/out" 2>&1
	status=$?
	[ "$status" = "$want" ] || { cat "$WORK/out"; fail "status $status, not $want: cp $*"; }
}

if [ "$1" != hostile ]; then
	make_fs "$1" "$img" "$(fs_size "$1")"
	make_tree "$WORK/tree"
	truncate -s 20M "$WORK/tree/holes"
	echo data | dd of="$WORK/tree/holes" bs=1 seek=10000000 conv=notrunc status=none
	if [ "$1" != vfat ]; then
		ln -s ../a/f1 "$WORK/tree/a/link"
		chmod 750 "$WORK/tree/a/b"
		chmod 4755 "$WORK/tree/a/f1"
		touch -d 2001-02-03 "$WORK/tree/a/f0" "$WORK/tree/a/b"
	fi
	mount_stick "$img"
	cp -a --sparse=always "$WORK/tree" "$dir/" || fail "fill"
	umount_stick
	sum=$(sha256sum < "$img")

	copies 0 ${2:+--$2} -a "$img:/tree" "$to"
	grep -q "0 failed" "$WORK/out" || fail "no summary: $(cat "$WORK/out")"
	diff -r --no-dereference "$WORK/tree" "$to/tree" || fail "differs"
	[ "$(sha256sum < "$img")" = "$sum" ] || fail "the image was written to"
	if [ "$1" != vfat ]; then
		[ "$(stat -c %a "$to/tree/a/f1" "$to/tree/a/b" | tr '\n' ' ')" = "755 750 " ] ||
			fail "modes: $(stat -c %a "$to/tree/a/f1" "$to/tree/a/b")"
		[ "$(date -d "@$(stat -c %Y "$to/tree/a/b")" +%F)" = 2001-02-03 ] || fail "time"
		[ "$(stat -c %b "$to/tree/holes")" -lt 2000 ] || fail "holes are filled"
	fi
	# one file, under another name; all of it; what is there stays
	copies 0 "$img:/tree/a/f513" "$to/one"
	cmp "$WORK/tree/a/f513" "$to/one" || fail "one file"
	copies 0 -r "$img:/" "$to/all"
	diff -r --no-dereference "$WORK/tree" "$to/all/tree" || fail "all differs"
	echo mine > "$to/one"
	copies 32 "$img:/tree/a/f513" "$to/one"
	grep -q "already, and no -f.*\[copy\]" "$WORK/out" && [ "$(cat "$to/one")" = mine ] ||
		fail "replaced without -f"
	copies 0 -f "$img:/tree/a/f513" "$img:/tree/a/f0" "$to"
	copies 0 -f "$img:/tree/a/f513" "$to/one"
	cmp "$WORK/tree/a/f513" "$to/one" || fail "not replaced"
	cmp "$WORK/tree/a/f513" "$to/f513" || fail "several"
	# wrong ones
	copies 32 "$img:/tree" "$to"
	copies 32 "$img:/none" "$to"
	copies 32 "$img:/tree/a/f1" "$to/no/folder"
	refused usage 1 "$LKLUSB" cp "$img" "$to"
	refused usage 1 "$LKLUSB" cp "$img:/a" "$WORK/other.img:/a" "$to"
	exit 0
fi

# Made by debugfs, which makes anything.
mkdir -p "$WORK/outside"
echo secret > "$WORK/outside/secret"
truncate -s 20M "$img"
mkfs.ext4 -q -O ^metadata_csum "$img" || fail mkfs
echo stick > "$WORK/file"
{
	printf 'mkdir t\nmkdir t/sub\nwrite %s t/good\nwrite %s t/swap\n' "$WORK/file" "$WORK/file"
	printf 'symlink t/abs %s\nsymlink t/sub/up ../../../x\nsymlink t/sub/ok ../good\n' "$WORK/outside"
	printf 'symlink t/sub/tricky ok/../../..\nsymlink t/sub/out ../..\n'
	printf 'symlink top /t/good\ncd /t\nmknod dev b 8 0\nmknod pipe p\ncd /\n'
	printf 'write %s t/%s\n' "$WORK/file" $'A\033[31mB'
	printf 'symlink proc /proc/self/maps\nsymlink back ../../../../t/good\n'
	# names that no system call makes
	printf 'mkdir bad\nwrite %s bad/good\nwrite %s bad/a!b\nwrite %s bad/!!\n' "$WORK/file" "$WORK/file" "$WORK/file"
	printf 'mkdir twice\nsymlink twice/aa %s\nmkdir twice/bb\nwrite %s twice/bb/secret\n' "$WORK/outside" "$WORK/file"
} > "$WORK/commands"
debugfs -w -f "$WORK/commands" "$img" > "$WORK/debugfs.log" 2>&1 || fail debugfs
python3 - "$img" <<'END'
import sys
data = bytearray(open(sys.argv[1], 'rb').read())
# directory entries: length, type, name
for old, new in ((b'\3\1a!b', b'\3\1../'), (b'\2\1!!', b'\2\1..'), (b'\2\2bb', b'\2\2aa')):
    assert data.count(old) == 1, old
    data = data.replace(old, new)
open(sys.argv[1], 'wb').write(data)
END

copies 32 -r "$img:/t" "$to"
[ "$(cat "$to/t/good" "$to/t/sub/ok" | sort -u)" = stick ] || fail "the good ones"
for name in abs sub/up sub/tricky sub/out dev pipe; do
	[ ! -e "$to/t/$name" ] && [ ! -L "$to/t/$name" ] || fail "$name was made"
	grep -q "/t/$name: .*\[copy\]" "$WORK/out" || fail "$name is not reported: $(cat -v "$WORK/out")"
done
grep -q "6 failed" "$WORK/out" || fail "$(cat -v "$WORK/out")"

# names that lead elsewhere, one name for a link and a folder
copies 32 -r "$img:/bad" "$to"
[ "$(find "$WORK" -newer "$WORK/commands" -name '..?*' | wc -l)" = 0 ] || fail "a hostile name"
copies 32 -r --all-links "$img:/twice" "$to"
[ "$(cat "$WORK/outside/secret")" = secret ] || fail "written through a link"
[ "$(ls "$WORK/outside")" = secret ] || fail "made through a link"

# links that are there already, on the host's side
mkdir "$to/merge"
ln -s "$WORK/outside" "$to/merge/t"
copies 32 -r "$img:/t" "$to/merge"
ln -s "$WORK/outside/secret" "$to/swap"
copies 32 "$img:/t/swap" "$to"
copies 0 -f "$img:/t/swap" "$to"
[ ! -L "$to/swap" ] && [ "$(cat "$to/swap")" = stick ] || fail "link not replaced"
[ "$(ls "$WORK/outside")" = secret ] && [ "$(cat "$WORK/outside/secret")" = secret ] ||
	fail "written through a link of the host"

# paths are those of the stick, links in them too
copies 0 "$img:/back" "$to/back"
[ "$(cat "$to/back")" = stick ] || fail "a link within the stick"
copies 0 "$img:/../../t/good" "$to/dots"
copies 32 "$img:/proc" "$to/maps"
copies 32 "$img:/../proc/self/maps" "$to/maps"
[ ! -e "$to/maps" ] || fail "the library kernel's own files"

# a name does not steer the terminal
copies 32 "$img:/t/$(printf 'A\033[31mC')" "$to"
if LC_ALL=C grep -qa "$(printf '\033')" "$WORK/out"; then fail "a name reaches the terminal"; fi
