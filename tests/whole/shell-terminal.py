# SPDX-License-Identifier: GPL-2.0-only
"""lklusb shell on a terminal: editing, completion, Ctrl-C. Arguments: LKLUSB IMAGE SECOND-IMAGE."""
import os
import pty
import re
import select
import signal
import sys
import termios
import time

LIMIT = 60
STEERS = re.compile(rb'\x1b\[31m|\x1b\]0;|\xc2\x9b|\xe2\x80\xae')


class Shell:
    def __init__(self, *argv):
        self.seen = b''
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ['TERM'] = 'xterm'
            os.execv(argv[0], argv)
        self.expect(b'> ')

    def read(self):
        ready, _, _ = select.select([self.fd], [], [], LIMIT)
        assert ready, ('nothing more', self.seen)
        try:
            text = os.read(self.fd, 65536)
        except OSError:
            text = b''
        assert text, ('ended', self.seen)
        self.seen += text
        assert not STEERS.search(self.seen), self.seen

    def expect(self, text):
        """Until text was printed; returns what was, with it."""
        while text not in self.seen:
            self.read()
        end = self.seen.index(text) + len(text)
        before, self.seen = self.seen[:end], self.seen[end:]
        return before

    def type(self, keys, *expected):
        os.write(self.fd, keys)
        return [self.expect(text) for text in expected]

    def type_end(self):
        """Ctrl-D, when it is the editor that reads it: a line that the terminal edits would
        lose it."""
        deadline = time.monotonic() + LIMIT
        while termios.tcgetattr(self.fd)[3] & termios.ICANON:
            assert time.monotonic() < deadline, 'nobody edits'
            time.sleep(0.01)
        os.write(self.fd, b'\x04')

    def end(self):
        """What was printed last, and the exit status."""
        try:
            while True:
                self.read()
        except AssertionError as e:
            assert e.args[0][0] == 'ended', e
        return self.seen, os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def looking(lklusb, image):
    s = Shell(lklusb, 'shell', image)
    # commands, names, folders, quotes, several, history: seen by what comes of it, since
    # what is typed early is echoed by the terminal itself
    s.type(b'pw\t\n', b'\n/\r\n', b'lklusb:/> ')
    s.type(b'cd su\tde\t\n', b'lklusb:/sub/deep> ')
    s.type(b'cat ../fi\t\n', b'\nhello', b'> ')
    s.type(b'cat /wi\ta\t\n', b'\nspaced', b'> ')
    s.type(b'cat "/with space/"a\t\n', b'\nspaced', b'> ')
    s.type('cat /ü\t\n'.encode(), b'\nunicode', b'> ')
    s.type(b'cd /many\n', b'lklusb:/many> ')
    listed = s.type(b'ls x\t\t', b'xy3\r\n', b'ls xy')[0]
    assert b'\nxy1\r\nxy2' in listed and b'other' not in listed, listed
    s.type(b'1\n', b'\nxy1\r\n', b'> ')
    s.type(b'cd /\n', b'lklusb:/> ')
    s.type(b'\x1b[A\x1b[A\x1b[A\n', b'lklusb:/many> ')
    # names that cannot be shown are no completions
    s.type(b'cd /evil\n', b'/evil> ')
    s.type(b'cat \t\n', b'usage: cat', b'> ')
    s.type(b'ls\n', b'A?[31mB', b'> ')
    # Ctrl-C: a line, a command
    s.type(b'rubbish\x03', b'lklusb:/evil> ')
    s.type(b'pwd\n', b'/evil\r\n', b'> ')
    s.type(b'cat /big\n', b'0000')
    os.write(s.fd, b'\x03')
    s.expect(b'lklusb:/evil> ')
    # a resized window
    os.kill(s.pid, signal.SIGWINCH)
    s.type(b'pwd\n', b'/evil\r\n', b'> ')
    s.type(b'ls nope\n', b'[path]', b'> ')
    s.type_end()
    _, status = s.end()
    assert status == 32, status

    s = Shell(lklusb, 'shell', image)
    s.type(b'pwd\n', b'> ')
    s.type(b'exit\n')
    _, status = s.end()
    assert status == 0, status

    s = Shell(lklusb, 'shell', '--rw', image)
    s.type(b'mkdir made\n', b'> ')
    os.kill(s.pid, signal.SIGTERM)
    _, status = s.end()
    assert status == 0, status


def choosing(lklusb, image):
    s = Shell(lklusb, 'shell', image)
    s.type(b'ls\n', b'[shell-mount]', b'lklusb:> ')
    s.type(b'lsblk\n', b'one', b'two', b'> ')
    s.type(b'mount 2\n', b'lklusb:/> ')
    s.type(b'mount LABEL=one\n', b'lklusb:/> ')
    s.type(b'ls\n', b'lost+found', b'> ')
    s.type(b'umount\n', b'lklusb:> ')
    s.type(b'exit\n')
    _, status = s.end()
    assert status == 0, status


def stopping(lklusb, image):
    """Ctrl-Z and fg, of a shell that has job control: not of Python, whose child is an orphan."""
    os.environ['PS1'] = 'bash> '
    s = Shell('/bin/bash', '--norc', '-i')
    s.type(('"%s" shell "%s"\n' % (lklusb, image)).encode(), b'lklusb:/> ')
    s.type(b'pwd\n', b'\n/\r\n', b'lklusb:/> ')
    s.type(b'\x1a', b'Stopped', b'bash> ')
    s.type(b'fg\n', b'shell')
    s.type(b'\ncd sub\n', b'lklusb:/sub> ')
    s.type(b'exit\n', b'bash> ')
    s.type(b'exit $?\n')
    _, status = s.end()
    assert status == 0, status


looking(sys.argv[1], sys.argv[2])
stopping(sys.argv[1], sys.argv[2])
choosing(sys.argv[1], sys.argv[3])
