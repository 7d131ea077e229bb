//! What can be read off the dashboard files without running a query.
