# SPDX-License-Identifier: GPL-2.0-only
# Labels, paths and the kernel's log are somebody else's text: they do not steer the
# terminal, and JSON stays JSON.
. "$TOP/tests/whole/lib.bash"
hostile=$'A\033[31m\302\233\233\342\200\256\177'
cd "$WORK" || fail cd
img=$WORK/$hostile.img
dir=$WORK/mnt$hostile
mkdir "$dir"

# harmless FILE: no escape, no C1, no change of direction, no byte that is not UTF-8
harmless() {
	if LC_ALL=C grep -qaP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' "$1"; then
		cat -v "$1"
		fail "$2 reaches the terminal"
	fi
	iconv -f UTF-8 -t UTF-8 "$1" > /dev/null || fail "$2: not UTF-8"
}

# field FILE EXPRESSION: python reads the JSON, which must be strict
field() {
	harmless "$1" "$1"
	python3 -c 'import json, sys
o = json.loads(open(sys.argv[1], "rb").read().decode("utf-8"), strict=True)
sys.stdout.buffer.write(ascii(eval(sys.argv[2])).encode())' "$1" "$2" || fail "no JSON: $2"
}

truncate -s 100M "$img"
mkfs.ext4 -q -L "$(printf 'A\033[31m\302\233\233')" "$img" || fail mkfs
"$LKLUSB" list "$img" > list || fail list
harmless list "list"
grep -q 'A?\[31m???' list || fail "label: $(cat -v list)"
"$LKLUSB" list -J "$img" > list.json || fail list
[ "$(field list.json 'o["partitions"][0]["label"]')" = "'A\\x1b[31m\\x9b\\ufffd'" ] ||
	fail "label: $(field list.json 'o["partitions"][0]["label"]')"

mount_stick "$img"
"$LKLUSB" status > status || fail status
harmless status "status"
grep -q 'mntA?\[31m' status || fail "folder: $(cat -v status)"
"$LKLUSB" status -J > status.json || fail status
field status.json '[m["dir"] for m in o]' | grep -q 'mntA\\x1b\[31m\\x9b' || fail "folder in JSON"
"$LKLUSB" status -J "$dir" > one.json || fail "status of the folder"
"$LKLUSB" dmesg "$dir" > log || fail dmesg
harmless log "dmesg"
"$LKLUSB" umount "$dir" > umount 2>&1 || fail umount
harmless umount "umount"

"$LKLUSB" mount -v -o "$hostile" "$img" "$dir" > mount 2>&1 && fail "mounted with that option"
harmless mount "mount -v"
grep -q "A?\[31m" mount || fail "the kernel's log is not shown"
