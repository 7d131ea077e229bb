//! One running task, the state that it writes, and its farewell.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::open_files::Descriptors;

/// How long a farewell may take. A peer that answers at all answers within a second.
const FAREWELL: Duration = Duration::from_secs(3);

/// Makes it. Every target has this for as long as it runs, so the future, which may be large, is made only then.
type Farewell = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A task, the state that it writes, and what is done when it is stopped.
pub struct Running<S> {
    state: Arc<S>,
    /// Gone once it was stopped.
    task: Option<JoinHandle<()>>,
    /// Behind a lock only so that the set can be shared: nobody but [`Running::stop`] takes it.
    farewell: Mutex<Option<Farewell>>,
    /// What it may hold open, until the farewell is over.
    descriptors: Option<Descriptors>,
}

impl<S> Running<S> {
    /// A `task` that writes `state`.
    pub fn new(state: Arc<S>, task: JoinHandle<()>) -> Self {
        Self { state, task: Some(task), farewell: Mutex::new(None), descriptors: None }
    }

    /// Runs what `farewell` makes when the target is removed, has other work or the program ends, after its task
    /// has stopped, for three seconds at most: to close a session that a peer would otherwise have to
    /// time out.
    #[must_use]
    pub fn with_farewell<F>(mut self, farewell: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.farewell = Mutex::new(Some(Box::new(|| Box::pin(farewell()))));
        self
    }

    /// Keeps these for it.
    pub(super) fn hold(&mut self, descriptors: Descriptors) {
        self.descriptors = Some(descriptors);
    }

    pub(super) fn state(&self) -> &Arc<S> {
        &self.state
    }

    /// Stops the task now; what is returned waits for its end and says farewell.
    pub(super) fn stop(mut self) -> impl Future<Output = ()> + Send + 'static {
        let task = self.task.take();
        let descriptors = self.descriptors.take();
        let farewell = self.farewell.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = &task {
            task.abort();
        }
        async move {
            if let Some(task) = task {
                // That it was cancelled is no news.
                let _ = task.await;
            }
            if let Some(farewell) = farewell {
                let _ = tokio::time::timeout(FAREWELL, farewell()).await;
            }
            drop(descriptors);
        }
    }
}

impl<S> Drop for Running<S> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Running<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("state", &self.state).finish_non_exhaustive()
    }
}
