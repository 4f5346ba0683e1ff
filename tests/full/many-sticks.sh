# SPDX-License-Identifier: GPL-2.0-only
# 100 sticks mounted at once, every one written and read (bench/many.py).
# limit: 300
. "$TOP/tests/whole/lib.bash"
mkdir -p "$WORK/sticks"
PYTHONPATH=$TOP/bench python3 - "$WORK/sticks" <<'END' || fail "not every stick is usable"
import sys
import many
for name, (value, unit) in many.measure(sys.argv[1], 100).items():
    print(name, value, unit)
END
"$LKLUSB" status | grep -q "$WORK/sticks" && fail "one is still mounted"
exit 0
