//! A connection through a proxy of SOCKS5 (RFC 1928, and RFC 1929 where somebody logs in).

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::proxy::Login;
use crate::blackbox::ask::Ask;
use crate::blackbox::dialogue::Talk;
use crate::outcome::Failure;

/// The version of the protocol, and that of logging in.
const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;

/// Ways to log in.
const NOBODY: u8 = 0;
const BY_PASSWORD: u8 = 2;

/// Kinds of addresses.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks a proxy to connect to a host: its address, or its name where it was not looked up. Whatever fails between this
/// machine and the proxy says nothing of the target, nor does its silence before it was told whom to connect to.
pub(super) async fn through(
    stream: &mut dyn Talk,
    login: &Login,
    (host, ip, port): (&str, Option<IpAddr>, u16),
    ask: &Ask<'_>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        ask.log.line(|| format!("the proxy failed: {error}"));
        Failure::Local
    };
    ask.of_another(async { log_in(stream, login).await.map_err(failed) }).await?;
    let code = connect(stream, (host, ip, port)).await.map_err(failed)?;
    if code == 0 {
        return Ok(());
    }
    ask.log.line(|| format!("the proxy does not connect: code {code}"));
    Err(match code {
        3 | 4 => Failure::Unreachable,
        5 => Failure::Refused,
        6 => Failure::TtlExceeded,
        // Its own failure, its rules, or what it does not know.
        _ => Failure::Local,
    })
}

/// Says who asks.
async fn log_in(stream: &mut dyn Talk, login: &Login) -> io::Result<()> {
    let ways: &[u8] = if login.user.is_empty() { &[NOBODY] } else { &[NOBODY, BY_PASSWORD] };
    say(stream, &[&[VERSION, length(ways)?], ways].concat()).await?;
    let [version, way] = hear::<2>(stream).await?;
    if version != VERSION || !ways.contains(&way) {
        return Err(io::Error::other("it does not let this program in"));
    }
    if way == BY_PASSWORD {
        let (user, password) = (login.user.as_bytes(), login.password.expose().as_bytes());
        let mut said = Zeroizing::new(vec![LOGIN_VERSION, length(user)?]);
        said.extend_from_slice(user);
        said.push(length(password)?);
        said.extend_from_slice(password);
        say(stream, &said).await?;
        let [_, refused] = hear::<2>(stream).await?;
        if refused != 0 {
            return Err(io::Error::other("it knows no such user with this password"));
        }
    }
    Ok(())
}

/// What the proxy says of the host: 0 where it is connected.
async fn connect(
    stream: &mut dyn Talk,
    (host, ip, port): (&str, Option<IpAddr>, u16),
) -> io::Result<u8> {
    let mut asked = vec![VERSION, 1, 0];
    match ip {
        Some(IpAddr::V4(ip)) => {
            asked.push(IPV4);
            asked.extend(ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            asked.push(IPV6);
            asked.extend(ip.octets());
        }
        None => {
            asked.extend([NAME, length(host.as_bytes())?]);
            asked.extend(host.as_bytes());
        }
    }
    asked.extend(port.to_be_bytes());
    say(stream, &asked).await?;
    let [version, code, _, kind] = hear::<4>(stream).await?;
    if version != VERSION {
        return Err(io::Error::other("it speaks another protocol"));
    }
    // Where it is bound says nothing, but stands before what the host says.
    let rest = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(stream.read_u8().await?),
        _ if code != 0 => return Ok(code),
        _ => return Err(io::Error::other("it names an address of no known kind")),
    };
    stream.read_exact(&mut vec![0; rest + 2]).await?;
    Ok(code)
}

async fn say(stream: &mut dyn Talk, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn hear<const LENGTH: usize>(stream: &mut dyn Talk) -> io::Result<[u8; LENGTH]> {
    let mut heard = [0; LENGTH];
    stream.read_exact(&mut heard).await?;
    Ok(heard)
}

/// A length in one byte.
fn length(bytes: &[u8]) -> io::Result<u8> {
    u8::try_from(bytes.len()).map_err(|_| io::Error::other("it is longer than 255 bytes"))
}

#[cfg(test)]
mod tests {
    use exporter_kit::Secret;

    use super::*;
    use crate::blackbox::trial::Trial;

    /// How much a proxy hears, and what it answers to that.
    type Answers = &'static [(usize, &'static [u8])];

    /// What a proxy hears that answers with these, and what comes of it.
    async fn ask(user: &str, ip: Option<&str>, answers: Answers) -> (Vec<u8>, Result<(), Failure>) {
        let (mut ours, mut theirs) = tokio::io::duplex(1024);
        let proxy = tokio::spawn(async move {
            let mut heard = Vec::new();
            for (length, answer) in answers {
                let mut bytes = vec![0; *length];
                theirs.read_exact(&mut bytes).await.unwrap();
                heard.extend(bytes);
                theirs.write_all(answer).await.unwrap();
            }
            heard
        });
        let trial = Trial::new();
        let login = Login { user: user.to_owned(), password: Secret::new("s3cret".to_owned()) };
        let to = ("a.example", ip.map(|ip| ip.parse().unwrap()), 443);
        let result = through(&mut ours, &login, to, &trial.ask("")).await;
        drop(ours);
        assert!(!trial.said().contains("s3cret"), "{}", trial.said());
        (proxy.await.unwrap(), result)
    }

    #[tokio::test]
    async fn an_address_is_asked_for_and_a_name_where_none_is_known() {
        let (heard, result) =
            ask("", Some("192.0.2.1"), &[(3, &[5, 0]), (10, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])])
                .await;
        assert_eq!(result, Ok(()));
        assert_eq!(heard, [5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 1, 187]);
        let (heard, result) =
            ask("", None, &[(3, &[5, 0]), (16, &[5, 0, 0, 3, 1, b'x', 0, 0])]).await;
        assert_eq!(result, Ok(()));
        assert_eq!(heard[3..8], [5, 1, 0, 3, 9]);
        assert_eq!(&heard[8..17], b"a.example");
    }

    #[tokio::test]
    async fn somebody_logs_in() {
        let (heard, result) = ask(
            "u",
            Some("::1"),
            &[(4, &[5, 2]), (10, &[1, 0]), (22, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])],
        )
        .await;
        assert_eq!(result, Ok(()));
        assert_eq!(heard[4..14], *b"\x01\x01u\x06s3cret");
    }

    #[tokio::test]
    async fn what_a_proxy_says_of_the_target_is_told_and_what_fails_at_it_is_no_fault_of_the_target()
     {
        const CASES: [(Answers, Failure); 6] = [
            (&[(3, &[5, 0]), (16, &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0])], Failure::Refused),
            (&[(3, &[5, 0]), (16, &[5, 4, 0, 1, 0, 0, 0, 0, 0, 0])], Failure::Unreachable),
            (&[(3, &[5, 0]), (16, &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0])], Failure::Local),
            (&[(3, &[5, 255])], Failure::Local),
            (&[(3, b"HT")], Failure::Local),
            (&[(3, &[5])], Failure::Local),
        ];
        for (answers, wanted) in CASES {
            assert_eq!(ask("", None, answers).await.1, Err(wanted), "{answers:?}");
        }
        let stranger: Answers = &[(4, &[5, 2]), (10, &[1, 1])];
        assert_eq!(ask("u", None, stranger).await.1, Err(Failure::Local));
    }
}
