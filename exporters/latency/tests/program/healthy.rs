//! A server of gRPC's health protocol.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::thread;

use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::HeaderMap;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// The health of `""` is good, that of `down` is not, and others are unknown.
pub(crate) fn server() -> SocketAddr {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        runtime.block_on(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = http2::Builder::new(TokioExecutor::new());
                let served = serving.serve_connection(TokioIo::new(stream), service_fn(answer));
                tokio::spawn(served);
            }
        });
    });
    address
}

pub(crate) async fn answer(
    request: Request<Incoming>,
) -> Result<
    Response<StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>>>>,
    Infallible,
> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    // The frame's five bytes, then the field's tag and length.
    let (message, code) = match body.get(7..).unwrap_or_default() {
        b"" => (&b"\0\0\0\0\x02\x08\x01"[..], "0"),
        b"down" => (&b"\0\0\0\0\x02\x08\x02"[..], "0"),
        _ => (&b""[..], "5"),
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    let frames = [Frame::data(Bytes::from_static(message)), Frame::trailers(trailers)];
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames.map(Ok))));
    response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    Ok(response)
}
