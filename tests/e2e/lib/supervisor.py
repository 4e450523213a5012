"""A supervisor of the test's own: opens a listening socket, keeps it, and starts the program with it as descriptor 3 whenever a line comes; says how each
run ended. Arguments: address, port, folder, the command."""
import os
import socket
import subprocess
import sys

address, port, folder, *command = sys.argv[1:]
kept = socket.create_server((address, int(port)), backlog=64) if address != 'none' else None
print('bound', flush=True)
for _ in sys.stdin:
	give = (lambda: os.dup2(kept.fileno(), 3)) if kept else None
	child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, pass_fds=(3,) if kept else (), preexec_fn=give)
	print('pid', child.pid, flush=True)
	print('ended', child.wait(), flush=True)
