//! What is said of the sockets for echoes.

use exporter_kit::Page;
use exporter_kit::config::Vantage;

use super::counts::ReceiveQueue;
use crate::icmp::SocketFigures;

/// How they were opened, what they lack, what they dropped, and how promptly they are read.
pub(super) fn all(
    page: &mut Page<'_>,
    vantage: &Vantage,
    sockets: &[SocketFigures],
    queue: &ReceiveQueue,
) {
    page.info(
        "latency_icmp_socket_info",
        "How echoes of this family are sent: dgram is unprivileged, raw is not.",
        sockets.iter().map(|socket| (vantage, [("family", socket.family), ("mode", socket.mode)])),
    );
    page.gauge(
        "latency_icmp_socket_feature",
        "Whether the kernel gives the socket this; echoes go on without it, and know less.",
        sockets.iter().flat_map(|socket| {
            socket.features.iter().map(|(feature, has)| {
                ((vantage, [("family", socket.family), ("feature", feature)]), *has)
            })
        }),
    );
    page.gauge(
        "latency_icmp_sockets",
        "Sockets that are open for echoes: one is for all; others are for silent addresses, what \
             must not be fragmented, and IPv6 sources.",
        sockets.iter().map(|socket| ((vantage, [("family", socket.family)]), socket.count)),
    );
    page.counter(
        "latency_icmp_socket_moves_total",
        "How often an address that stayed silent was given a socket with another identifier.",
        sockets.iter().map(|socket| ((vantage, [("family", socket.family)]), socket.moves)),
    );
    page.counter(
        "latency_icmp_receive_buffer_drops_total",
        "Packets that the kernel dropped: the socket had no room, or they were damaged.",
        sockets.iter().map(|socket| ((vantage, [("family", socket.family)]), socket.dropped)),
    );
    page.histogram(
        "latency_icmp_receive_queue_seconds",
        "Time that replies lay in the socket before they were read; not part of any rtt.",
        [(vantage, &*queue.0)],
    );
}
