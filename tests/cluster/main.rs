//! Stories of several nodes: real processes on one PostgreSQL and one Redis, with a clock that all of them share and a story moves by hand.
//!
//! A node is this very program started again, so that the server that is deployed needs no setting for tests. Nodes are killed, stopped
//! and continued with signals, and what became of it is asked of the database. `WABACUS_TEST_BACKENDS=sqlite` leaves the stories out,
//! where PostgreSQL and Redis are not installed.

mod audit;
mod cluster;
mod load;
mod loss;
mod node;
mod time;

#[expect(dead_code, reason = "made for the stories of one process")]
#[path = "../support/postgres.rs"]
mod postgres;
#[expect(dead_code, unreachable_pub, reason = "made for the stories of one process")]
#[path = "../support/process.rs"]
mod process;
#[expect(dead_code, unreachable_pub, reason = "made for the stories of one process")]
#[path = "../support/redis.rs"]
mod redis;
#[expect(dead_code, unreachable_pub, reason = "made for the stories of one process")]
#[path = "../support/watch.rs"]
mod watch;

mod doctor;
mod migration;
mod occurrence;
mod outage;
mod rolling;
mod subscription;
mod successor;
mod token;

/// What a node is started as: without the address of a clock, as in any other run of the tests, there is nothing to do.
#[test]
fn a_node_of_a_cluster() {
    if let Some(clock) = std::env::var_os(node::CLOCK) {
        node::serve(clock.to_str().expect("the clock's address is text"));
    }
}
