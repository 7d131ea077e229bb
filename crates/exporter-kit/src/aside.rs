//! Work that takes long, off the threads that measure and serve.

use tokio::task::spawn_blocking;

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
    use std::time::Duration;

    use super::*;

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
