#!/usr/bin/env python3
"""A client of lockstep.v1 in Python's standard library alone, written from PROTOCOL.md: what a client in another language
comes down to. A WebSocket, two binary layouts, and one habit: whatever breaks, it goes on at another replica, publishing
what is not answered under the same numbers, and reading after the last place that it has dealt with.

    lockstep_client.py URL[,URL] pub TOPIC < lines-of-json       prints a line of JSON for each range acknowledged
    lockstep_client.py URL[,URL] sub TOPIC[,TOPIC] FROM [LIMIT]  prints a line of JSON for each event, view and gap
"""
import base64
import collections
import itertools
import json
import secrets
import socket
import struct
import sys
import time
from urllib.parse import urlsplit

CREDIT_BYTES = 256 * 1024
EVENTS_A_PUBLISH = 100
BYTES_A_PUBLISH = 64 * 1024
PUBLISHES_UNDER_WAY = 8
CONNECT_S = 5
RETRY_S = 0.1
PASSING = {'NOT_PRIMARY', 'OVERLOADED', 'LIMIT', 'INTERNAL'}


class Broken(Exception):
    """This connection is of no more use; another replica may do."""


class WebSocket:
    """As much of RFC 6455 as it takes: whole messages, text as str and binary as bytes."""

    def __init__(self, url):
        at = urlsplit(url)
        self.socket = socket.create_connection((at.hostname, at.port), timeout=CONNECT_S)
        self.input = self.socket.makefile('rb')
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        head = ['GET /v1/stream HTTP/1.1', f'Host: {at.netloc}', 'Connection: Upgrade', 'Upgrade: websocket',
                'Sec-WebSocket-Version: 13', f'Sec-WebSocket-Key: {key}', 'Sec-WebSocket-Protocol: lockstep.v1']
        self.socket.sendall('\r\n'.join([*head, '', '']).encode())
        status = self.input.readline()
        while self.input.readline().strip():
            pass
        if b' 101 ' not in status:
            raise Broken(status.decode().strip())

    def send(self, message):
        self.send_frame(1, message.encode()) if isinstance(message, str) else self.send_frame(2, message)

    def send_frame(self, opcode, payload):
        size, mask = len(payload), secrets.token_bytes(4)
        length = (struct.pack('>B', 0x80 | size) if size < 126 else
                  struct.pack('>BH', 0xFE, size) if size < 65536 else struct.pack('>BQ', 0xFF, size))
        masked = bytes(byte ^ key for byte, key in zip(payload, itertools.cycle(mask)))
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)

    def receive(self):
        message, kind = b'', 0
        while True:
            first, size = self.read(2)
            if size > 125:
                size = int.from_bytes(self.read(2 if size == 126 else 8), 'big')
            payload, opcode = self.read(size), first & 0x0F
            if opcode == 8:
                raise Broken('the replica has closed the connection')
            if opcode == 9:
                self.send_frame(10, payload)
            elif opcode < 8:
                message, kind = message + payload, opcode or kind
                if first & 0x80:
                    return message.decode() if kind == 1 else message

    def read(self, size):
        got = self.input.read(size)
        if len(got) < size:
            raise Broken('the connection is cut')
        return got


class Group:
    """The replicas that are known, and a connection to one of them."""

    def __init__(self, urls):
        self.urls = collections.deque(urls)

    def attach(self):
        """To the next replica; its first message says who else there is. Gives the group's history."""
        self.urls.rotate(-1)
        self.connection = WebSocket(self.urls[-1])
        welcome = json.loads(self.connection.receive())
        self.connection.socket.settimeout(3 * welcome['beatMs'] / 1000)
        self.learn(welcome)
        if not welcome['history']:
            raise Broken('it has not joined its group yet')
        return welcome['history']

    def learn(self, message):
        known = [member['url'] for member in message['view']['members']]
        self.urls.extend(url for url in known if url and url not in self.urls)

    def say(self, op, **members):
        self.connection.send(json.dumps({'op': op, **members}))

    def messages(self):
        """All that comes, by its op, but for what concerns the connection itself."""
        while True:
            message = self.connection.receive()
            if isinstance(message, bytes):
                yield 'events', message
                continue
            message = json.loads(message)
            op = message['op']
            if op == 'cluster':
                self.learn(message)
            elif op == 'goodbye':
                raise Broken(message['detail'])
            elif op == 'error':
                sys.exit(f"{message['code']}: {message['detail']}")
            else:
                yield op, message


def publish(group, topic, events):
    """Each event, which is JSON in bytes, once and in order. Gives what is acknowledged."""
    publisher, following, under_way = secrets.token_hex(16), 1, []  # Under way: (first number, events) each.
    batches, histories = batches_of(events), set()
    while True:
        try:
            histories.add(group.attach())
            if len(histories) > 1:
                sys.exit('Another group answers in place of the former one; what is not acknowledged is unknown.')
            group.say('publisher', id=publisher)
            sent, known = 0, False
            for op, message in group.messages():
                if op == 'publisher':
                    known = message['next'] is not None
                elif op == 'published':
                    for sequence, count, seq, offset, duplicate in message['ranges']:
                        yield {'sequence': sequence, 'count': count, 'seq': seq, 'offset': offset,
                               'duplicate': duplicate == 1}
                        while under_way and under_way[0][0] < sequence + count:
                            under_way.pop(0)
                            sent -= 1
                    known = True
                elif op == 'refused':
                    if message['outcome'] == 'not-published' and message['code'] not in PASSING:
                        sys.exit(f"{message['code']}: {message['detail']}")
                    raise Broken(message['detail'])
                while len(under_way) < PUBLISHES_UNDER_WAY and (batch := next(batches, None)):
                    under_way.append((following, batch))
                    following += len(batch)
                # The first of all goes alone: until it is in, the group would take any number for the first.
                for sequence, batch in under_way[sent:None if known else 1]:
                    group.connection.send(publish_message(topic, sequence, batch))
                    sent += 1
                if not under_way:
                    return
        except (OSError, Broken):
            time.sleep(RETRY_S)


def batches_of(events):
    batch, size = [], 0
    for event in events:
        if batch and (len(batch) == EVENTS_A_PUBLISH or size + len(event) > BYTES_A_PUBLISH):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event)
    if batch:
        yield batch


def publish_message(topic, sequence, events):
    records = [b'\0' + event for event in events]  # No fields: the data alone.
    ends = list(itertools.accumulate(map(len, records)))
    name = topic.encode()
    return (bytes([1, len(name)]) + name + struct.pack(f'<dI{len(ends)}I', sequence, len(ends), *ends) +
            b''.join(records))


def subscribe(group, topics, start):
    """Events, views and gaps, in order and without an end."""
    history, seq = None, None
    while True:
        try:
            group.attach()
            group.say('subscribe', sub=1, topics=topics, views=True, credit=CREDIT_BYTES,
                      **{'from': start if history is None else f'{history}:{seq}'})
            for op, message in group.messages():
                if op == 'subscribed':
                    history, seq = message['history'], message['seq']
                elif op == 'events':
                    for event in events_in(message):
                        yield {'kind': 'event', 'id': f"{history}-{event['seq']}", **event}
                    seq = int(struct.unpack_from('<d', message, 9)[0])
                    group.say('credit', sub=1, bytes=len(message))
                elif op == 'progress':
                    seq = dict(message['marks']).get(1, seq)
                elif op == 'view':
                    yield {'kind': 'view', **message}
                    seq = message['seq']
                elif op == 'gap':
                    yield {'kind': 'gap', **message}
                    if message['reason'] == 'history-changed':
                        history, seq = message['history'], 0
                elif op == 'ended':
                    if message['code'] not in PASSING:
                        sys.exit(f"{message['code']}: {message['detail']}")
                    raise Broken(message['detail'])
        except (OSError, Broken):
            time.sleep(RETRY_S)


def events_in(message):
    at = 17
    while at < len(message):
        end = at + 4 + struct.unpack_from('<I', message, at)[0]
        topic, at = read_str8(message, at + 4)
        publisher, at = read_str8(message, at)
        version, _time, seq, offset, count, base = struct.unpack_from('<IdddII', message, at)
        at += struct.calcsize('<IdddII')
        ends = struct.unpack_from(f'<{count}I', message, at)
        records = message[at + 4 * count:end]
        for index, (begin, stop) in enumerate(itertools.pairwise([base, *ends])):
            yield {'seq': int(seq) + index, 'offset': int(offset) + index, 'topic': topic,
                   'publisher': publisher or None, 'schemaVersion': version,
                   **read_record(records[begin - base:stop - base])}
        at = end


def read_str8(message, at):
    end = at + 1 + message[at]
    return message[at + 1:end].decode(), end


def read_record(record):
    fields, at = {}, 1
    for bit, name in enumerate(['key', 'id', 'type', 'source', 'time', 'extensions']):
        if record[0] & 1 << bit:
            end = at + 4 + struct.unpack_from('<I', record, at)[0]
            text = record[at + 4:end].decode()
            fields[name] = json.loads(text) if name == 'extensions' else text
            at = end
    return {**fields, 'data': json.loads(record[at:])}


def main(urls, command, topics, *rest):
    group = Group(urls.split(','))
    if command == 'pub':
        found = publish(group, topics, (line.strip() for line in sys.stdin.buffer if line.strip()))
    else:
        start, *limit = rest
        found = itertools.islice(subscribe(group, topics.split(','), start), *map(int, limit or [sys.maxsize]))
    for one in found:
        print(json.dumps(one), flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
