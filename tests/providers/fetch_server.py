#!/usr/bin/env python3
"""Servers that a fetcher should and should not take an answer from, on free ports of loopback. fetch_rig.c starts it with the folder of certificates.

It says "name port" for each listener, then "ready"; then it takes one command a line and answers with one line:
  connections NAME        how many were accepted by that listener
  requests PATH           how many requests came for that path
  document STATUS CACHE-CONTROL BODY   what /document answers from now on ("-" for no Cache-Control)
  hold / release          /document waits from now on / goes on
Its standard input's end is its own."""
import socket
import ssl
import struct
import sys
import threading
import time
import warnings

warnings.simplefilter('ignore', DeprecationWarning)  # TLS 1.1 is what is wanted here
folder = sys.argv[1]
lock = threading.Lock()
connections, requests = {}, {}
document = (200, '-', 'first')
gate = threading.Event()
gate.set()


def head(status, *lines):
	return ''.join(line + '\r\n' for line in (f'HTTP/1.1 {status} Said', *lines, '')).encode()


def whole(body, *lines, status=200):
	body = body if isinstance(body, bytes) else body.encode()
	return head(status, f'Content-Length: {len(body)}', *lines) + body


def drip(send):
	send(head(200, 'Content-Length: 100000'))
	for _ in range(600):
		send(b'x')
		time.sleep(0.05)


def drip_head(send):
	send(b'HTTP/1.1 200 Said\r\nX: ')
	for _ in range(600):
		send(b'x')
		time.sleep(0.05)


def flood(first, each):
	def say(send):
		send(first)
		for _ in range(4000):
			send(each)
	return say


def hang(send):
	time.sleep(30)


def reset(connection):
	connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


ANSWERS = {
	'/ok': whole('hello', 'Content-Type: application/json', 'Cache-Control: max-age=600'),
	'/empty': head(204),
	'/missing': whole('no', status=404),
	'/broken': whole('oops', status=500),
	'/redirect': whole('', 'Location: /ok', status=302),
	'/redirect-out': whole('', 'Location: http://127.0.0.1:1/', status=307),
	'/file': whole('', 'Location: file:///etc/passwd', status=301),
	'/cookie': whole('hello', 'Set-Cookie: a=b; Path=/'),
	'/megabyte': whole(b'm' * (1 << 20)),
	'/more': whole(b'm' * ((1 << 20) + 1)),
	'/ten': whole(b't' * 10),
	'/eleven': whole(b't' * 11),
	'/endless': flood(head(200, 'Transfer-Encoding: chunked'), b'4000\r\n' + b'y' * 16384 + b'\r\n'),
	'/until-close': flood(head(200, 'Connection: close'), b'z' * 16384),
	'/headers': flood(b'HTTP/1.1 200 Said\r\n', b'X-Filler: ' + b'h' * 1000 + b'\r\n'),
	'/header-line': flood(b'HTTP/1.1 200 Said\r\nX-Filler: ', b'h' * 16384),
	'/interim': flood(b'', b'HTTP/1.1 103 Hints\r\nLink: ' + b'l' * 500 + b'\r\n\r\n'),
	'/trailers': flood(head(200, 'Transfer-Encoding: chunked') + b'1\r\na\r\n0\r\n', b'X-Trailer: ' + b't' * 1000 + b'\r\n'),
	'/drip': drip,
	'/drip-head': drip_head,
	'/hang': hang,
	'/gzip': whole(b'\x1f\x8b\x08\x00', 'Content-Encoding: gzip'),
	'/nonsense': b'SSH-2.0-OpenSSH_9.2\r\n\r\n',
	'/half': head(200, 'Content-Length: 100') + b'half',
	'/html': whole('<html></html>', 'Content-Type: text/html'),
}


def answer(send, connection, method, path, lines, body):
	"""False: the connection is over."""
	with lock:
		requests[path] = requests.get(path, 0) + 1
		now = document
	if path == '/echo':
		send(whole('\n'.join([f'{method} {path}', *lines, '', body.decode('latin-1')])))
	elif path == '/document':
		gate.wait(20)
		status, control, text = now
		send(whole(text, *([] if control == '-' else [f'Cache-Control: {control}']), status=status))
	elif path == '/reset':
		reset(connection)
		return False
	elif path == '/close':
		return False
	elif callable(ANSWERS.get(path)):
		ANSWERS[path](send)
		return False
	else:
		send(ANSWERS.get(path, ANSWERS['/missing']))
	return path not in ('/nonsense', '/half')


def serve(connection, context):
	try:
		connection.settimeout(30)
		if context:
			connection = context.wrap_socket(connection, server_side=True)
		data = b''
		while True:
			while b'\r\n\r\n' not in data:
				more = connection.recv(65536)
				if not more:
					return
				data += more
			top, data = data.split(b'\r\n\r\n', 1)
			lines = top.decode('latin-1').split('\r\n')
			method, path, _ = lines[0].split(' ')
			length = next((int(line.split(':')[1]) for line in lines if line.lower().startswith('content-length:')), 0)
			while len(data) < length:
				data += connection.recv(65536)
			body, data = data[:length], data[length:]
			if method == 'CONNECT':
				with lock:
					requests['CONNECT ' + path] = requests.get('CONNECT ' + path, 0) + 1
				connection.sendall(head(403))
				return
			if not answer(connection.sendall, connection, method, path.split('?')[0], lines[1:], body):
				return
	except (OSError, ValueError):
		pass
	finally:
		connection.close()


def silent(connection, _context):
	"""Never shakes hands."""
	time.sleep(30)
	connection.close()


def listen(name, address, context=None, port=0, way=serve):
	listener = socket.socket()
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	listener.bind((address, port))
	listener.listen(256)
	connections[name] = 0

	def accept():
		while True:
			connection, _ = listener.accept()
			with lock:
				connections[name] += 1
			threading.Thread(target=way, args=(connection, context), daemon=True).start()
	threading.Thread(target=accept, daemon=True).start()
	print(name, listener.getsockname()[1], flush=True)
	return listener.getsockname()[1]


def context_of(kind, version=None):
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	context.load_cert_chain(f'{folder}/{kind}.pem', f'{folder}/{kind}.key')
	if version:
		context.set_ciphers('ALL:@SECLEVEL=0')
		context.minimum_version = ssl.TLSVersion.TLSv1
		context.maximum_version = version
	return context


threading.stack_size(256 * 1024)
good = listen('good', '127.0.0.1', context_of('good'))
listen('second', '127.0.0.2', context_of('good'), good)
for kind in ('wrong-name', 'expired', 'self-signed'):
	listen(kind, '127.0.0.1', context_of(kind))
listen('tls-1.1', '127.0.0.1', context_of('good', ssl.TLSVersion.TLSv1_1))
listen('tls-1.2', '127.0.0.1', context_of('good', ssl.TLSVersion.TLSv1_2))
listen('plain', '127.0.0.1')
listen('silent', '127.0.0.1', way=silent)
print('ready', 0, flush=True)
for line in sys.stdin:
	word, _, rest = line.rstrip('\n').partition(' ')
	said = 'ok'
	if word == 'connections':
		said = connections[rest]
	elif word == 'requests':
		said = requests.get(rest, 0)
	elif word == 'document':
		status, control, text = rest.split(' ', 2)
		document = (int(status), control, text)
	elif word == 'hold':
		gate.clear()
	elif word == 'release':
		gate.set()
	print(said, flush=True)
