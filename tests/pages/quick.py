"""`leo` without its start: a process that has imported every command forks one for each call.

What a call reads, prints and ends with is the command's own; what is saved is the second that Python needs to import
it, three hundred times. tests/engine/test_cli.py starts the real one.
"""

import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as to:
    to.connect({socket!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(to, [len(call).to_bytes(4, "big")], [0, 1, 2])
    to.sendall(call)
    code = to.recv(1)
sys.exit(code[0] if code else 70)
"""


def write_client(directory: Path, path: Path) -> None:
    """Put a `leo` into the directory that asks the server at `path`."""
    client = directory / "leo"
    client.write_text(CLIENT.format(python=sys.executable, socket=str(path)), encoding="utf-8")
    client.chmod(0o755)


def serve(path: str) -> None:
    """Listen until killed; each call is a child of its own."""
    from engine.cli.app import COMMANDS, build  # noqa: PLC0415 - the client's writer needs none of it

    for name in COMMANDS:
        build([name])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(16)
        while True:
            caller, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listening.close()
                os._exit(_answer(caller))
            caller.close()


def _answer(caller: socket.socket) -> int:
    """Become the command: its files, directory and environment; tell the caller how it ended."""
    from engine.cli import run  # noqa: PLC0415

    size, descriptors, _, _ = socket.recv_fds(caller, 4, 3)
    call = b""
    while len(call) < int.from_bytes(size, "big"):
        call += caller.recv(65_536)
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    words, directory, environment = json.loads(call)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["leo", *words]
    code = 1
    try:
        code = run(words)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        with contextlib.suppress(OSError):
            caller.sendall(bytes([code]))
    return code


if __name__ == "__main__":
    serve(sys.argv[1])
