# SPDX-License-Identifier: GPL-2.0-only
# lklusb shell as scripts use it: what the commands say, their exit status, and that
# nothing leaves the stick's filesystem on its side or the folder of the start on ours.
# variant: looking
# variant: writing
# variant: hostile
# variant: volumes
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/disks.bash"
. "$TOP/tests/whole/luks.bash"
mkdir "$WORK/here"
cd "$WORK/here" || fail cd

# shell STATUS TEXT [options]: on $img; what it prints is in out, messages in err
shell() {
	local want=$1 text=$2 status
	shift 2
	timeout -k 3 60 "$LKLUSB" shell "$@" "$img" -c "$text" > "$WORK/out" 2> "$WORK/err"
	status=$?
	[ "$status" = "$want" ] || { cat "$WORK/out" "$WORK/err"; fail "status $status, not $want: $text"; }
}

# printed TEXT: just this
printed() {
	[ "$(cat "$WORK/out")" = "$1" ] || { cat "$WORK/out" "$WORK/err"; fail "not: $1"; }
}

said() {
	grep -q -- "$1" "$WORK/err" || { cat "$WORK/out" "$WORK/err"; fail "no $1"; }
}

# An ext4 with a few files; made without root by mkfs.
make_stick() {
	mkdir -p "$WORK/tree/sub/deep" "$WORK/tree/with space"
	echo hello > "$WORK/tree/sub/file"
	echo spaced > "$WORK/tree/with space/a 'file'"
	head -c 3000000 /dev/urandom > "$WORK/tree/big"
	ln -s sub "$WORK/tree/link"
	ln -s /etc/passwd "$WORK/tree/abs"
	chmod 4750 "$WORK/tree/sub/file"
	touch -d '2001-02-03 04:05' "$WORK/tree/sub/file"
	truncate -s 40M "$img"
	mkfs.ext4 -q -F -L stick -d "$WORK/tree" "$img" || fail mkfs
}

looking() {
	local sum
	make_stick
	sum=$(sha256sum < "$img")
	shell 0 'ls'
	printed "$({ ls -A "$WORK/tree"; echo lost+found; } | LC_ALL=C sort)"
	shell 0 'ls -l sub/file link abs'
	grep -qE '^-rwsr-x--- +1 +[0-9]+ +[0-9]+ +6 2001-02-03 04:05 sub/file$' "$WORK/out" || fail "ls -l: $(cat "$WORK/out")"
	grep -qE '^lrwxrwxrwx .* link -> sub$' "$WORK/out" || fail "ls -l: $(cat "$WORK/out")"
	shell 0 $'cd link\npwd\ncat file\ncd ..\npwd\ncat "with space/a \'file\'"\ncd\ncd with\\ space\npwd'
	printed $'/sub\nhello\n/\nspaced\n/with space'
	shell 0 'cat big'
	cmp "$WORK/out" "$WORK/tree/big" || fail "cat differs"
	# wildcards, of the last name
	shell 0 $'ls sub/f?le\ncat /sub/f[a-i]le "with space/"a*'
	printed $'sub/file\nhello\nspaced'
	shell 32 'cat no*thing'
	said 'no\*thing: No such file'
	mkdir some
	shell 0 'cp b* sub/f* some'
	[ "$(ls some)" = $'big\nfile' ] || fail "cp with wildcards: $(ls some)"
	# the last command's status; standard input
	shell 0 $'ls nope\npwd'
	said 'nope: No such file.*\[path\]'
	shell 32 $'pwd\nls nope'
	shell 32 $'ls nope\n# a comment\n\nexit\npwd'
	printed ""
	shell 1 nonsense
	said '\[shell-command\]'
	shell 1 'pwd x'
	said 'usage: pwd.*\[usage\]'
	shell 1 'ls -x'
	shell 1 'cat "x'
	shell 32 'cat sub'
	shell 0 ''
	printf 'cd sub\nls\n' | "$LKLUSB" shell "$img" > "$WORK/out" || fail "from a pipe"
	printed $'deep\nfile'
	printf 'cat nope' | "$LKLUSB" shell "$img" 2> "$WORK/err" && fail "status from a pipe"
	# out: below where it was started
	mkdir in
	before=$(ls "$WORK")
	shell 0 $'cd sub\ncp file .\ncp file in/other\ncp -r --all-links / in/all' || fail cp
	cmp file "$WORK/tree/sub/file" && cmp in/other file && cmp in/all/big "$WORK/tree/big" || fail "cp differs"
	shell 32 'cp sub/file .'
	said 'already, and no -f.*\[copy\]'
	shell 0 'cp -f sub/file .'
	for to in .. ../x /tmp "$WORK/here" in/../../x; do
		shell 32 "cp sub/file $to"
		said 'not below the folder.*\[copy\]'
	done
	ln -s .. up
	shell 32 'cp sub/file up'
	[ "$(ls "$WORK")" = "$before" ] || fail "made outside: $(ls "$WORK")"
	# about the stick
	shell 0 'lsusb'
	grep -q 'interface 00 .*driver usb-storage' "$WORK/out" || fail lsusb
	shell 0 'lsusb' --uas
	grep -q 'interface 00 .*driver uas' "$WORK/out" || fail "lsusb --uas"
	shell 0 'lsblk'
	grep -qE '^stick.img +- ext4 +stick +40M ' "$WORK/out" || fail lsblk
	shell 0 'dmesg'
	grep -q 'Linux version' "$WORK/out" || fail dmesg
	shell 0 'help'
	grep -q '^  ls ' "$WORK/out" || fail help
	grep -q '^  rm ' "$WORK/out" && fail "help has what there is not"
	shell 32 $'umount\nls'
	said '\[shell-mount\]'
	# only read
	shell 1 'mkdir x'
	said '\[shell-readonly\]'
	shell 1 'ls' -o rw
	[ "$(sha256sum < "$img")" = "$sum" ] || fail "the image was written to"
	refused source-missing 32 "$LKLUSB" shell "$WORK/none" -c ls
	refused usage 1 "$LKLUSB" shell -c ls "$img" --speed slow
}

writing() {
	make_stick
	echo new > ours
	mkdir folder
	echo outside > "$WORK/outside"
	shell 0 $'mkdir x\nput ours x\nput ours x/other\nmv x/ours sub/moved\nmv sub/file x\nls x' --rw
	printed $'file\nother'
	shell 0 $'cat sub/moved\ncat x/file'
	printed $'new\nhello'
	shell 32 'put ours x/other' --rw
	said 'File exists.*\[path\]'
	shell 32 'mv sub/moved x/other' --rw
	shell 32 'rm x' --rw
	said 'not empty.*\[path\]'
	shell 32 'put folder /' --rw
	shell 32 "put ../outside /" --rw
	shell 32 "put $WORK/outside /" --rw
	shell 0 $'rm x/file x/other\nrm x\nrm link\nrm sub/deep' --rw
	shell 0 ls
	[ "$(sort "$WORK/out")" = "$(printf '%s\n' abs big lost+found sub 'with space')" ] || fail "rm: $(cat "$WORK/out")"
	check_fs ext4 "$img"
	# a journal that is replayed, and one that is not
	shell 0 "$(printf 'put ours %s\n' $(seq 20))" --rw --filter powercut
	check_fs ext4 "$img"
	chmod 444 "$img"
	shell 32 'mkdir y' --rw
	said 'Read-only file system.*\[path\]'
}

hostile() {
	make_stick
	{
		printf 'write %s A\033[31mB\nsymlink t\033]0;x\007 \033[2J\n' "$WORK/tree/sub/file"
		printf 'symlink up ../../../etc\nsymlink proc /proc/self/maps\n'
		printf 'mknod dev b 8 0\nmknod pipe p\n'
	} > "$WORK/commands"
	debugfs -w -f "$WORK/commands" "$img" > "$WORK/debugfs.log" 2>&1 || fail debugfs
	shell 32 $'ls -l\nls\ncat A\e[31mC'
	grep -q 'A?\[31mB' "$WORK/out" || fail "ls: $(cat -v "$WORK/out")"
	LC_ALL=C grep -qa "$(printf '[\033\007]')" "$WORK/out" "$WORK/err" && fail "a name reaches the terminal"
	shell 0 $'cat A\e[31mB'
	printed hello
	for path in up/passwd proc abs ../../../etc/passwd /proc/self/maps dev pipe; do
		shell 32 "cat $path"
		printed ""
	done
	shell 32 'cd up'
	shell 0 $'cd ../../..\npwd'
	printed /
	shell 32 'cp dev pipe .'
	shell 32 'cp -r /abs .'
	[ -z "$(ls "$WORK/here")" ] || fail "made: $(ls "$WORK/here")"
	# what a file has does not steer it, either
	printf 'echo \033]0;x\007 \303\244\302\233m\n' > "$WORK/tree/evil"
	echo hostile > "$WORK/tree/-f"
	mkfs.ext4 -q -F -d "$WORK/tree" "$img" || fail mkfs
	# a name is no option
	echo mine > evil
	shell 32 'cp * .'
	[ "$(cat ./evil ./-f)" = $'mine\nhostile' ] || fail "a file called -f is an option"
	script -qec "$LKLUSB shell '$img' -c 'cat evil'" "$WORK/typescript" < /dev/null > "$WORK/out" ||
		fail "on a terminal"
	grep -q 'echo ?\]0;x? ä?m' "$WORK/out" || fail "cat: $(cat -v "$WORK/out")"
}

# Partitions, LVM, LUKS.
volumes() {
	truncate -s 120M "$img"
	printf 'label: gpt\nsize=40M\nsize=40M\n' | sfdisk -q "$img" || fail sfdisk
	on_disks "$img" <<-'END'
	partx -u /dev/ubda 2> /dev/null
	pvcreate -q -q /dev/ubda2
	vgcreate -q -q group /dev/ubda2
	lv -l 4 -n first group
	lv -l 4 -n second group
	END
	make_fs ext4 "$WORK/fs" 40M
	dd if="$WORK/fs" of="$img" bs=1M seek=1 conv=notrunc status=none
	shell 32 'ls'
	said '\[shell-mount\]'
	shell 0 $'lsblk\nmount 1\nls'
	grep -q 'group/first *lv' "$WORK/out" && grep -q lost+found "$WORK/out" || fail "lsblk: $(cat "$WORK/out")"
	shell 32 $'mount group/first'
	said 'group/first.*\[fs-unknown\]'
	shell 32 $'mount 7'
	shell 32 $'mount 1\nmount group/none\nls'
	said '\[lv-missing\]'
	shell 0 $'mount LABEL=stick\numount\nmount 1\nls' -p 1
	shell 32 ls -p 3
	printf secret > "$WORK/key"
	luks_image "$img" "$WORK/key"
	shell 0 $'cat file\numount\nmount\ncat file\numount' --key-file "$WORK/key"
	printed $'inside\ninside'
}

"$1"
exit 0
