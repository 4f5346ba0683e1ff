# SPDX-License-Identifier: GPL-2.0-only
# Without a terminal systemd's agents are asked, by systemd-ask-password, as it is; ours here
# types what the test says. In a /run of its own, and with cp, since FUSE mounts need the
# host's.
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
key=$WORK/key
printf secret > "$key"
luks_image "$img" "$key"

cat > "$WORK/agent.py" <<'END'
import glob, socket, sys, time
while True:
    for path in glob.glob('/run/systemd/ask-password/ask.*'):
        fields = dict(line.split('=', 1) for line in open(path).read().splitlines() if '=' in line)
        print(fields['Id'], fields['Message'], flush=True)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.sendto(sys.argv[1].encode(), fields['Socket'])
        sys.exit()
    time.sleep(0.02)
END

# asks ANSWER COMMAND...: with no terminal, as on a machine that systemd runs; a plus and a
# passphrase, or a minus
asks() {
	local answer=$1
	shift
	setsid -w unshare -rm sh -c 'mount -t tmpfs none /run &&
		mkdir -p /run/systemd/system /run/systemd/ask-password || exit 99
		timeout 20 python3 "$0" "$1" > agent.out & agent=$!
		shift
		"$@" < /dev/null
		status=$?
		kill $agent 2> /dev/null
		exit $status' "$WORK/agent.py" "$answer" timeout -k 3 20 "$@"
}
cd "$WORK" || exit 1

asks +secret "$LKLUSB" cp "$img:/file" "$WORK/out-file" || fail "the right passphrase"
[ "$(cat "$WORK/out-file")" = inside ] || fail "not what is in there"
grep -q "^lklusb Passphrase for the disk (LUKS $(cryptsetup luksUUID "$img")):$" agent.out ||
	fail "asked for $(cat agent.out)"
asks +wrong "$LKLUSB" cp "$img:/file" "$WORK/wrong-file" 2> "$WORK/out"
[ $? = 32 ] && grep -q '\[luks-key\]' "$WORK/out" || { cat "$WORK/out"; fail "a wrong one"; }
asks - "$LKLUSB" cp "$img:/file" "$WORK/wrong-file" 2> "$WORK/out"
[ $? = 32 ] && grep -q '\[luks-cancelled\]' "$WORK/out" || { cat "$WORK/out"; fail cancelled; }
