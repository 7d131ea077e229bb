//! Work that takes long, off the threads that measure and serve.

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Pages, and parts of pages, that are rendered at the same moment. So many threads at most compete for
/// the CPU with the one that measures, however many readers there are.
static PAGES: Semaphore = Semaphore::const_new(2);

/// Answers to whether all targets had a round, that are found at the same moment. Who asks that is kept waiting by
/// no page.
static GLANCES: Semaphore = Semaphore::const_new(1);

/// Renders a page, or a part of one, and waits for it: its turn comes when not too many others are rendered.
/// For pages alone. What measures must not wait for those who look: that is [`off_the_thread`].
pub async fn render_page<T: Send + 'static>(render: impl FnOnce() -> T + Send + 'static) -> T {
    in_turn(&PAGES, render).await
}

/// Looks over all targets, and waits for it: its turn comes when no other is looking.
pub(crate) async fn glance<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> T {
    in_turn(&GLANCES, look).await
}

async fn in_turn<T: Send + 'static>(
    turns: &'static Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let turn = turns.acquire().await.expect("nobody closes this semaphore");
    off_the_thread(move || {
        let done = work();
        // Held to here also when the reader has gone: what was begun is not given up with it.
        drop(turn);
        done
    })
    .await
}

/// Does it, and waits for it. While the program ends nothing is begun any more, and whoever waits is ended with it.
pub async fn off_the_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::Duration;

    use super::*;

    #[test]
    fn many_readers_keep_two_threads_busy_and_no_measurement_waiting() {
        const READERS: usize = 20;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (go_on, told) = mpsc::channel();
        let told = Arc::new(Mutex::new(told));
        runtime.block_on(async {
            let readers: Vec<_> = (0..READERS)
                .map(|_| {
                    let (begun, ended, told) =
                        (Arc::clone(&begun), Arc::clone(&ended), Arc::clone(&told));
                    tokio::spawn(render_page(move || {
                        begun.fetch_add(1, Ordering::SeqCst);
                        told.lock().unwrap().recv().unwrap();
                        ended.fetch_add(1, Ordering::SeqCst);
                    }))
                })
                .collect();
            // Every reader has asked, and two are being served.
            while begun.load(Ordering::SeqCst) < 2 {
                tokio::task::yield_now().await;
            }
            // What measures is done all the same.
            for _ in 0..200 {
                off_the_thread(|| ()).await;
            }
            assert_eq!(begun.load(Ordering::SeqCst), 2);
            // Who goes away gives up no thread before that is free.
            readers[0].abort();
            readers[1].abort();
            for _ in 0..200 {
                off_the_thread(|| ()).await;
            }
            assert_eq!(begun.load(Ordering::SeqCst), 2);
            (0..READERS).for_each(|_| go_on.send(()).unwrap());
            for reader in readers.into_iter().skip(2) {
                reader.await.unwrap();
            }
        });
        assert_eq!(begun.load(Ordering::SeqCst), READERS);
        assert_eq!(ended.load(Ordering::SeqCst), READERS);
    }

    #[test]
    fn a_page_that_panics_gives_its_turn_back() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for _ in 0..10 {
                let page = tokio::spawn(render_page(|| panic!("as it should")));
                let ended: Result<(), _> = page.await;
                assert!(ended.unwrap_err().is_panic());
            }
            render_page(|| ()).await;
        });
    }

    #[test]
    fn a_program_that_ends_panics_nowhere() {
        let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..50 {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    runtime.spawn(async {
                        loop {
                            off_the_thread(|| ()).await;
                        }
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(2));
            runtime.shutdown_timeout(Duration::from_secs(5));
            for task in tasks {
                let ended: Result<(), _> = waiting.block_on(task);
                assert!(ended.unwrap_err().is_cancelled());
            }
        }
    }

    #[test]
    fn what_panics_there_panics_here() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let task = runtime.spawn(off_the_thread(|| panic!("as it should")));
        let ended: Result<(), _> = runtime.block_on(task);
        assert!(ended.unwrap_err().is_panic());
    }
}
