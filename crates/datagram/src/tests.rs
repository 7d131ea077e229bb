//! Sockets on loopback: what arrives, what is dropped, what is refused.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tokio::time::Instant;

use super::*;

/// A socket and its address.
fn open(bind: &str, receive_buffer: usize) -> (Socket, SocketAddr) {
    let socket = Socket::udp(format!("{bind}:0").parse().unwrap(), receive_buffer).unwrap();
    let address = socket.local_address().unwrap();
    (socket, address)
}

/// The addresses of this machine to itself.
fn loopbacks() -> impl Iterator<Item = &'static str> {
    let both = ["127.0.0.1", "[::1]"].into_iter();
    both.filter(|it| UdpSocket::bind(format!("{it}:0")).is_ok())
}

/// An address at which nobody listens, and that nobody is given: whoever has it hears himself alone.
fn closed(bind: &str) -> SocketAddr {
    let socket: &'static UdpSocket =
        Box::leak(Box::new(UdpSocket::bind(format!("{bind}:0")).unwrap()));
    let address = socket.local_addr().unwrap();
    socket.connect(address).unwrap();
    address
}

fn until_some<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nothing comes");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the kernel stamps what comes. Linux begins to a while after a socket asks for it, when it finds the time:
/// before that, nothing has waited.
fn wait_for_stamps(socket: &Socket, own: SocketAddr) {
    let peer = UdpSocket::bind((own.ip(), 0)).unwrap();
    let mut buffer = Buffer::new(8);
    until_some(|| {
        peer.send_to(b"", own).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        let waited = until_some(|| Some(socket.receive(&mut buffer).ok()?.waited));
        (waited >= Duration::from_millis(5)).then_some(())
    });
}

/// The room that a datagram of so many bytes takes; nobody may read meanwhile.
fn room_of(length: usize, socket: &Socket, own: SocketAddr) -> u32 {
    let peer = UdpSocket::bind((own.ip(), 0)).unwrap();
    peer.send_to(&vec![0; length], own).unwrap();
    let room = until_some(|| Some(memory::held(socket)).filter(|held| *held > 0));
    assert_eq!(socket.receive(&mut Buffer::new(length)).unwrap().bytes.len(), length);
    room
}

#[test]
fn a_datagram_tells_its_sender_and_how_long_it_waited() {
    for bind in loopbacks() {
        let (socket, own) = open(bind, 4096);
        wait_for_stamps(&socket, own);
        let peer = UdpSocket::bind(format!("{bind}:0")).unwrap();
        let mut buffer = Buffer::new(8);
        let sent = Instant::now();
        peer.send_to(b"longer than it may be", own).unwrap();
        until_some(|| {
            let mut first = [std::mem::MaybeUninit::uninit()];
            socket2::SockRef::from(&socket).peek(&mut first).ok()
        });
        std::thread::sleep(Duration::from_millis(50));
        let datagram = socket.receive(&mut buffer).unwrap();
        assert_eq!((datagram.bytes, datagram.is_cut), (&b"longer t"[..], true));
        assert_eq!((datagram.from, datagram.dropped), (peer.local_addr().unwrap(), 0));
        assert!(datagram.waited >= Duration::from_millis(50), "{:?}", datagram.waited);
        assert!(datagram.waited <= sent.elapsed(), "{:?}", datagram.waited);
        let none = socket.receive(&mut buffer).unwrap_err();
        assert_eq!(none.kind(), std::io::ErrorKind::WouldBlock);
        // Whatever the time stamp says, nothing can have waited longer than since then.
        let empty = Instant::now();
        peer.send_to(b"", own).unwrap();
        let waited = until_some(|| Some(socket.receive(&mut buffer).ok()?.waited));
        assert!(waited <= empty.elapsed() + Duration::from_millis(1), "{waited:?}");
    }
}

#[test]
fn what_the_kernel_drops_is_counted_to_the_last_datagram() {
    for bind in loopbacks() {
        // The least that the kernel allows: a few datagrams.
        let (socket, own) = open(bind, 0);
        let peer = UdpSocket::bind(format!("{bind}:0")).unwrap();
        let mut buffer = Buffer::new(100);
        let room = room_of(100, &socket, own);
        let (mut received, mut told) = (0, 0);
        for sent in [100, 200] {
            for _ in 0..100 {
                peer.send_to(&[0; 100], own).unwrap();
            }
            // Nobody reads before all have come: those that were dropped are the last.
            let come = || received + memory::held(&socket) / room + socket.dropped();
            until_some(|| (come() == sent).then_some(()));
            // To the last one: all are accounted for, and none came after it to tell of it.
            until_some(|| {
                while let Ok(datagram) = socket.receive(&mut buffer) {
                    received += 1;
                    told = datagram.dropped;
                }
                (received + socket.dropped() == sent).then_some(())
            });
            assert!(socket.dropped() > 0 && told < socket.dropped(), "{received} {told}");
        }
        assert!(told > 0, "a datagram knows of those before it");
    }
}

#[test]
fn many_datagrams_come_by_one_call_each_with_what_is_told_of_it() {
    for bind in loopbacks() {
        let (mut socket, own) = open(bind, 1 << 17);
        socket.ask_for_hop_limits();
        wait_for_stamps(&socket, own);
        let (peer, mut buffers) = (open(bind, 4096).0, Buffers::new(4, 8));
        let mut lots = Vec::new();
        let mut read = |lots: &mut Vec<_>| {
            let mut lot = Vec::new();
            let read = socket.receive_each(&mut buffers, |it| {
                lot.push((it.bytes.to_vec(), it.is_cut, it.hop_limit, it.waited));
            });
            lots.extend((!lot.is_empty()).then_some(lot));
            read
        };
        assert_eq!(read(&mut lots).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        let sent = Instant::now();
        for number in 1..=10_u8 {
            let header = Header { hop_limit: Some(number), ..Header::default() };
            let length = if number == 7 { 9 } else { usize::from(number % 3) };
            peer.send_with(&vec![number; length], own, &header).unwrap();
        }
        std::thread::sleep(Duration::from_millis(50));
        until_some(|| {
            while read(&mut lots).is_ok() {}
            (lots.iter().flatten().count() == 10).then_some(())
        });
        assert!(lots.iter().all(|lot| lot.len() <= 4) && lots.len() < 10, "{lots:?}");
        for (number, (bytes, is_cut, hop_limit, waited)) in (1..).zip(lots.iter().flatten()) {
            let length = if number == 7 { 8 } else { usize::from(number % 3) };
            assert_eq!(bytes[..], vec![number; length]);
            assert_eq!((*is_cut, *hop_limit), (number == 7, Some(number)));
            assert!(*waited <= sent.elapsed(), "{waited:?}");
        }
        assert!(lots[0][0].3 >= Duration::from_millis(50), "{:?}", lots[0][0].3);
        // Within a lot alone: later ones are read later, by as long as this program was kept from running.
        assert!(lots.iter().all(|lot| lot.is_sorted_by(|one, next| one.3 >= next.3)), "{lots:?}");
    }
}

#[test]
fn what_is_told_of_later_datagrams_has_room() {
    for bind in loopbacks() {
        // The least that the kernel allows: that some were dropped is told with those that come later alone.
        let (socket, own) = open(bind, 0);
        let peer = UdpSocket::bind(format!("{bind}:0")).unwrap();
        let mut buffers = Buffers::new(8, 100);
        let room = room_of(100, &socket, own);
        let (mut received, mut told) = (0, 0);
        for sent in [1, 101, 201] {
            let before = received + socket.dropped();
            (before..sent).for_each(|_| assert_eq!(peer.send_to(&[0; 100], own).unwrap(), 100));
            // Nobody reads before all have come: those that were dropped are the last.
            let come = || received + memory::held(&socket) / room + socket.dropped();
            until_some(|| (come() == sent).then_some(()));
            until_some(|| {
                let take = |datagram: Datagram<'_>| {
                    received += 1;
                    told = datagram.dropped;
                };
                let read = socket.receive_each(&mut buffers, take);
                (read.is_err() && received + socket.dropped() == sent).then_some(())
            });
        }
        assert!(told > 0 && told < socket.dropped(), "{told} of {}", socket.dropped());
    }
}

#[test]
fn errors_of_earlier_datagrams_cost_none_of_many() {
    for bind in loopbacks() {
        let (socket, own) = open(bind, 1 << 17);
        let peer = UdpSocket::bind(format!("{bind}:0")).unwrap();
        let (closed, mut buffers) = (closed(bind), Buffers::new(8, 8));
        let mut received: Vec<u8> = Vec::new();
        for number in 0..10 {
            peer.send_to(&[number], own).unwrap();
            socket.send(b"to nobody", closed).unwrap();
            peer.send_to(&[number], own).unwrap();
            until_some(|| {
                let read = socket.receive_each(&mut buffers, |it| received.extend(it.bytes));
                (read.is_err() && received.len() == 2 * (usize::from(number) + 1)).then_some(())
            });
        }
        assert!(received.iter().copied().eq((0..10).flat_map(|number| [number; 2])));
    }
}

#[test]
fn a_closed_port_is_told_with_who_says_so_and_what_was_sent() {
    for bind in loopbacks() {
        let (socket, own) = open(bind, 4096);
        let (closed, mut buffer) = (closed(bind), Buffer::new(64));
        let port_unreachable =
            if own.is_ipv4() { (Origin::Icmp, 3, 3) } else { (Origin::Icmp6, 1, 4) };
        // Where the machine is busy, the network is not told at once: then once more.
        until_some(|| {
            let sent = Instant::now();
            socket.send(b"to nobody", closed).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            let notice = socket.notice(&mut buffer).ok()?;
            assert_eq!((notice.to, notice.offender), (closed, Some(own.ip())));
            assert_eq!(notice.quoted, b"to nobody");
            assert_eq!(notice.error().kind(), std::io::ErrorKind::ConnectionRefused);
            assert_eq!((notice.origin, notice.kind, notice.code), port_unreachable);
            assert_eq!(notice.info, 0);
            assert!(notice.waited <= sent.elapsed(), "{:?}", notice.waited);
            (notice.waited >= Duration::from_millis(10)).then_some(())
        });
        while socket.notice(&mut buffer).is_ok() {}
        let none = socket.notice(&mut buffer).unwrap_err();
        assert_eq!(none.kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
fn an_error_of_one_datagram_costs_no_other() {
    for bind in loopbacks() {
        // Notices take room in the receive buffer, too.
        let (socket, own) = open(bind, 1 << 17);
        let peer = UdpSocket::bind(format!("{bind}:0")).unwrap();
        let (closed, mut buffer) = (closed(bind), Buffer::new(64));
        for n in 0..10 {
            socket.send(b"to nobody", closed).unwrap();
            socket.send(&[n], peer.local_addr().unwrap()).unwrap();
            let mut received = [0; 8];
            assert_eq!(peer.recv(&mut received).unwrap(), 1);
            assert_eq!(received[0], n);
            socket.send(b"to nobody", closed).unwrap();
            peer.send_to(&[n], own).unwrap();
            let received = until_some(|| Some(socket.receive(&mut buffer).ok()?.bytes.to_vec()));
            assert_eq!(received, [n]);
        }
        for _ in 0..20 {
            until_some(|| socket.notice(&mut buffer).is_ok().then_some(()));
        }
    }
}

#[test]
fn what_the_kernel_refuses_is_named_and_the_rest_works() {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let socket = Socket::of(std::os::fd::OwnedFd::from(ours).into(), i32::MAX as usize).unwrap();
    let missing: Vec<_> = socket.missing().iter().map(|it| it.feature).collect();
    assert_eq!(missing, [Feature::ReceiveBuffer, Feature::Notices]);
    let shown: Vec<_> = socket.missing().iter().map(Missing::to_string).collect();
    assert!(shown[0].starts_with("receive buffer: the kernel gives "), "{shown:?}");
    assert!(shown[1].starts_with("error queue: "), "{shown:?}");
    // A peer without an address is none that could be measured.
    theirs.send(b"x").unwrap();
    assert!(socket.receive(&mut Buffer::new(8)).is_err());

    let (socket, _) = open("127.0.0.1", 4096);
    assert!(socket.missing().is_empty(), "{:?}", socket.missing());
}

#[test]
fn a_datagram_is_sent_with_a_header_of_its_own() {
    for bind in loopbacks() {
        let (sender, _) = open(if bind == "127.0.0.1" { "0.0.0.0" } else { "[::]" }, 4096);
        let (mut receiver, own) = open(bind, 4096);
        receiver.ask_for_hop_limits();
        assert!(receiver.missing().is_empty(), "{:?}", receiver.missing());
        let mut buffer = Buffer::new(16);
        let mut arrives = |header: &Header| {
            sender.send_with(b"x", own, header).unwrap();
            until_some(|| {
                let datagram = receiver.receive(&mut buffer).ok()?;
                Some((datagram.from.ip(), datagram.hop_limit))
            })
        };
        let (from, hop_limit) = arrives(&Header::default());
        assert_eq!((from, hop_limit), (own.ip(), Some(64)));
        let source = if own.is_ipv4() { "127.9.9.9" } else { "::1" }.parse().unwrap();
        let header = Header {
            hop_limit: Some(7),
            traffic_class: Some(46 << 2),
            source: Some(source),
            interface: Some(1),
        };
        assert_eq!(arrives(&header), (source, Some(7)));
        // What was said of one datagram holds for no other.
        assert_eq!(arrives(&Header::default()), (own.ip(), Some(64)));
        let other_family = if own.is_ipv4() { "::1" } else { "127.0.0.1" };
        let refused = Header { source: other_family.parse().ok(), ..Header::default() };
        assert!(sender.send_with(b"x", own, &refused).is_err());
        let nowhere = Header { interface: Some(999_999), ..Header::default() };
        assert!(sender.send_with(b"x", own, &nowhere).is_err());
    }
}

#[test]
fn where_the_kernel_heeds_no_header_the_options_of_the_socket_say_it() {
    if !loopbacks().any(|it| it == "[::1]") {
        return;
    }
    let (mut sender, _) = open("[::]", 4096);
    sender.say_headers_by_options();
    let (mut receiver, own) = open("[::1]", 4096);
    receiver.ask_for_hop_limits();
    let mut buffer = Buffer::new(16);
    let mut arrives = |header: &Header| {
        sender.send_with(b"x", own, header).unwrap();
        until_some(|| receiver.receive(&mut buffer).ok()?.hop_limit)
    };
    let short = Header { hop_limit: Some(7), traffic_class: Some(46 << 2), ..Header::default() };
    for (header, hop_limit) in [
        (Header::default(), 64),
        (short, 7),
        (short, 7),
        (Header { interface: Some(1), ..Header::default() }, 64),
        (Header { hop_limit: Some(9), ..Header::default() }, 9),
        (Header::default(), 64),
    ] {
        assert_eq!(arrives(&header), hop_limit, "{header:?}");
    }
    let nowhere = Header { interface: Some(999_999), ..Header::default() };
    assert!(sender.send_with(b"x", own, &nowhere).is_err());
    assert_eq!(arrives(&Header::default()), 64, "what could not be said is not said of the next");
    let foreign = Header { source: "::1".parse().ok(), ..Header::default() };
    assert!(sender.send_with(b"x", own, &foreign).is_err());
}

#[tokio::test]
async fn a_watched_socket_wakes_for_datagrams_and_for_notices() {
    for bind in loopbacks() {
        let (socket, own) = open(bind, 4096);
        let peer = UdpSocket::bind(format!("{bind}:0")).unwrap();
        let (socket, mut buffer) = (Watched::new(socket).unwrap(), Buffer::new(64));
        assert!(socket.receive(&mut buffer).is_none() && socket.notice(&mut buffer).is_none());
        for _ in 0..3 {
            peer.send_to(b"answer", own).unwrap();
            let datagram = loop {
                socket.ready().await.unwrap();
                assert!(socket.notice(&mut buffer).is_none());
                if let Some(datagram) = socket.receive(&mut buffer) {
                    break datagram.bytes.to_vec();
                }
            };
            assert_eq!(datagram, b"answer");
            socket.send(b"to nobody", closed(bind)).await.unwrap();
            let quoted = loop {
                socket.ready().await.unwrap();
                assert!(socket.receive(&mut buffer).is_none());
                if let Some(notice) = socket.notice(&mut buffer) {
                    break notice.quoted.to_vec();
                }
            };
            assert_eq!(quoted, b"to nobody");
        }
        let mut buffers = Buffers::new(2, 64);
        (0..3).for_each(|_| assert_eq!(peer.send_to(b"answer", own).unwrap(), 6));
        let mut count = 0;
        while count < 3 {
            socket.ready().await.unwrap();
            assert!(socket.notice(&mut buffer).is_none());
            while socket.receive_each(&mut buffers, |_| count += 1) {}
        }
        // Nothing is left to wake for.
        while socket.receive(&mut buffer).is_some() || socket.notice(&mut buffer).is_some() {}
        let woken = tokio::time::timeout(Duration::from_millis(50), socket.ready()).await;
        assert!(woken.is_err(), "a socket with nothing to read wakes nobody");
    }
}
