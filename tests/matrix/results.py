# SPDX-License-Identifier: GPL-2.0-only
"""docs/matrix.json: what runs of the cells gave, [read, write, run] of each."""
import json
import os

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/matrix.json')
PASSED, UNTESTED = 'passed', 'untested'
FAILED, REFUSED = 'failed: ', 'refused: '


def load():
    """Its runs (date and kernel of each) and its cells; those that never ran are absent."""
    try:
        with open(PATH) as f:
            found = json.load(f)
    except FileNotFoundError:
        return {'runs': [], 'cells': {}}
    found['cells'] = {c: r for c, r in found['cells'].items() if r}
    return found


def save(done, date, kernel):
    """Adds a run. Every cell is named, null if it never ran."""
    import cells
    found = load()
    runs, run = found['runs'], {'date': date, 'kernel': kernel}
    if run not in runs:
        runs.append(run)
    found['cells'].update({c: r + [runs.index(run)] for c, r in done.items()})
    lines = ['"%s": %s' % (c, json.dumps(found['cells'].get(c))) for c in cells.CELLS]
    with open(PATH, 'w') as f:
        f.write('{"runs": %s,\n"cells": {\n%s\n}}\n' % (json.dumps(runs), ',\n'.join(lines)))
