# SPDX-License-Identifier: GPL-2.0-only
# lklusb shell as people use it: shell-terminal.py types.
. "$TOP/tests/whole/lib.bash"
tree=$WORK/tree
mkdir -p "$tree/sub/deep" "$tree/with space" "$tree/many" "$tree/evil"
echo hello > "$tree/sub/file"
echo spaced > "$tree/with space/a 'file'"
echo unicode > "$tree/ünï"
touch "$tree/many/xy1" "$tree/many/xy2" "$tree/many/xy3" "$tree/many/other"
touch "$tree/evil/-option"
touch "$tree/evil/$(printf 'A\033[31mB')" "$tree/evil/$(printf '\033]0;x\007')" \
	"$tree/evil/$(printf '\302\233m')" "$tree/evil/$(printf '\342\200\256x')"
yes 00000000000000000000000000000000 | head -c 20000000 > "$tree/big"
truncate -s 60M "$img"
mkfs.ext4 -q -F -d "$tree" "$img" || fail mkfs

truncate -s 60M "$WORK/two.img"
printf 'label: gpt\nsize=20M\nsize=20M\n' | sfdisk -q "$WORK/two.img" || fail sfdisk
for n in 1 2; do
	truncate -s 20M "$WORK/fs"
	mkfs.ext4 -q -F -L "$([ $n = 1 ] && echo one || echo two)" "$WORK/fs" || fail mkfs
	dd if="$WORK/fs" of="$WORK/two.img" bs=1M seek=$((20 * n - 19)) conv=notrunc status=none
done

timeout -k 3 100 python3 "$TOP/tests/whole/shell-terminal.py" "$LKLUSB" "$img" "$WORK/two.img" ||
	fail "on a terminal"
check_fs ext4 "$img"
"$LKLUSB" shell "$img" -c ls | grep -qx made || fail "what was written is lost"
