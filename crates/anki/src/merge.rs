//! Which of two versions of an object wins.
