//! Work that takes long, off the threads that measure and serve.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

/// Pages, and parts of pages, that are rendered at the same moment. So many threads at most compete for
/// the CPU with the one that measures, however many readers there are.
static PAGES: Semaphore = Semaphore::const_new(2);

/// Looks over all targets at the same moment. Who asks for one is kept waiting by no page.
static GLANCES: Semaphore = Semaphore::const_new(1);

/// Renders a page, or a part of one, and waits for it: its turn comes when not too many others are rendered.
/// For pages alone. What measures must not wait for those who look: that is [`off_the_thread`].
pub async fn render_page<T: Send + 'static>(render: impl FnOnce() -> T + Send + 'static) -> T {
    in_turn(&PAGES, render).await
}

/// What a look over all targets finds. Who asks while one waits for its turn gets what that one finds, and there is one
/// for all of them: a crowd is answered as soon as a single one.
#[derive(Debug)]
pub(crate) struct Glance<T>(Mutex<Option<watch::Receiver<Option<T>>>>);

impl<T> Default for Glance<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

/// What a look finds that begins after this was called; none if it panicked.
pub(crate) async fn glance<T: Clone + Send + Sync + 'static>(
    of: &Arc<Glance<T>>,
    look: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let mut found = {
        let mut next = of.0.lock().unwrap_or_else(PoisonError::into_inner);
        next.get_or_insert_with(|| {
            let (tell, found) = watch::channel(None);
            let of = Arc::clone(of);
            // By itself: it is made for others too when whoever asked first has gone.
            tokio::spawn(async move {
                let looked = in_turn(&GLANCES, move || {
                    of.0.lock().unwrap_or_else(PoisonError::into_inner).take();
                    look()
                });
                tell.send_replace(Some(looked.await));
            });
            found
        })
        .clone()
    };
    let found = found.wait_for(Option::is_some).await.ok()?;
    found.clone()
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
    use std::sync::mpsc;
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
        // Waits for the threads of those who went away too.
        drop(runtime);
        assert_eq!(begun.load(Ordering::SeqCst), READERS);
        assert_eq!(ended.load(Ordering::SeqCst), READERS);
    }

    #[tokio::test]
    async fn a_crowd_that_asks_for_a_look_shares_the_next_one() {
        const ASKED: usize = 100;
        let (of, (tell, begins)) = (Arc::<Glance<usize>>::default(), mpsc::channel());
        let looks = Arc::new(AtomicUsize::new(0));
        let look = || {
            let (tell, looks) = (tell.clone(), Arc::clone(&looks));
            let (go_on, told) = mpsc::channel::<()>();
            let look = move || {
                let number = looks.fetch_add(1, Ordering::SeqCst) + 1;
                tell.send(number).unwrap();
                told.recv().unwrap();
                number
            };
            (look, go_on)
        };
        let ask = |look| {
            let of = Arc::clone(&of);
            tokio::spawn(async move { glance(&of, look).await })
        };
        let (first, end_first) = look();
        let first = ask(first);
        while begins.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        // The one that has begun is too old for them.
        let crowd: Vec<_> = (0..ASKED).map(|_| look()).map(|(it, end)| (ask(it), end)).collect();
        tokio::task::yield_now().await;
        // That whoever came first hangs up ends nothing.
        first.abort();
        crowd[0].0.abort();
        end_first.send(()).unwrap();
        crowd[0].1.send(()).unwrap();
        for (asked, _) in crowd.into_iter().skip(1) {
            assert_eq!(asked.await.unwrap(), Some(2));
        }
        assert_eq!(looks.load(Ordering::SeqCst), 2);
        assert_eq!(glance(&of, || panic!("as it should")).await, None);
        let (last, end) = look();
        end.send(()).unwrap();
        assert_eq!(ask(last).await.unwrap(), Some(3), "a look that panics ends no other");
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
