//! Real servers for tests: object storage and PostgreSQL, as ordinary processes of this machine.
//!
//! An integration test says `mod harness;` and takes what it needs. Nothing here is a substitute:
//! where a server is not installed the test fails and says how to get it (`tests/run`).

// Each test binary includes this module whole and uses a part of it.
#![allow(dead_code)]

pub mod postgres;
pub mod same_index;
pub mod seaweedfs;
pub mod server;
