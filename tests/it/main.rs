//! Behaviour, seen from outside: a module for each subject.

mod readme;
