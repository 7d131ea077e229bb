"""A server of DNS over QUIC (RFC 9250) by aioquic: hands each question to a name server as a datagram.

usage: doq.py PORT CERTIFICATE KEY PORT_OF_THE_NAME_SERVER
"""

import asyncio
import socket
import sys

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamDataReceived


class Server(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.streams = {}

    def quic_event_received(self, event):
        if not isinstance(event, StreamDataReceived):
            return
        data = self.streams.setdefault(event.stream_id, bytearray())
        data += event.data
        if not event.end_stream:
            return
        del self.streams[event.stream_id]
        length = int.from_bytes(data[:2], "big")
        query = bytes(data[2:])
        # DOQ_PROTOCOL_ERROR: a message of another length, or with an id (RFC 9250 4.2.1).
        if length != len(query) or query[:2] != b"\0\0":
            self.close(error_code=2)
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(query, ("127.0.0.1", int(sys.argv[4])))
            answer = asking.recv(65535)
        self._quic.send_stream_data(
            event.stream_id, len(answer).to_bytes(2, "big") + answer, end_stream=True
        )
        self.transmit()


async def main():
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["doq"])
    configuration.load_cert_chain(sys.argv[2], sys.argv[3])
    await serve("127.0.0.1", int(sys.argv[1]), configuration=configuration, create_protocol=Server)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
