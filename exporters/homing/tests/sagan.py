"""What ripe.atlas.sagan, the reader of RIPE's own, makes of results: of each the smallest round trip of its end, or null."""

import json
import sys

sys.path.insert(0, sys.argv[1])
import ripe

# A namespace of older kind: its .pth file is read in site folders alone.
ripe.__path__ = [sys.argv[1] + "/ripe"]
from ripe.atlas.sagan import PingResult, TracerouteResult


def smallest(result):
    """Of a ping the smallest of its packets, of a traceroute that of those which the destination answered."""
    if result["type"] == "ping":
        packets = PingResult(result, on_error=PingResult.ACTION_IGNORE).packets
    else:
        read = TracerouteResult(result, on_error=TracerouteResult.ACTION_IGNORE)
        packets = [it for hop in read.hops for it in hop.packets if it.origin == result["dst_addr"]]
    return min((it.rtt for it in packets if it.rtt is not None), default=None)


print(json.dumps([smallest(it) for it in json.load(sys.stdin)]))
