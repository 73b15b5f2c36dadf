use magnitude_stack::Health;

use crate::own::{Own, eventually};

pub fn a_second_up_is_harmless(own: &Own) {
    let before = own.pids();
    own.start_all();
    assert_eq!(own.pids(), before, "a node was started again");
}

pub fn a_node_stops_dies_and_starts_again(own: &Own) {
    for end in [magnitude_stack::Stack::stop, magnitude_stack::Stack::kill] {
        let before = own.pid("s2-2");
        end(&own.stack, "s2-2").expect("it ends");
        assert_eq!(health(own, "s2-2"), Health::Down);

        own.stack.start("s2-2").expect("it starts");

        eventually("it is ready", || health(own, "s2-2") == Health::Ready);
        assert_ne!(own.pid("s2-2"), before);
    }
}

pub fn a_frozen_node_goes_on(own: &Own) {
    own.stack.pause("cache").expect("it is frozen");
    eventually("the cache is frozen", || health(own, "cache") == Health::Paused);
    own.stack.resume("cache").expect("it goes on");
    eventually("the cache is ready", || health(own, "cache") == Health::Ready);
}

pub fn a_node_is_cut_off_and_restored(own: &Own) {
    if let Some(why) = magnitude_stack::cuts_unusable() {
        own.stack.restore("cache").expect_err("what cannot be seen is not restored");
        eprintln!("SKIPPED, no node can be cut off here: {why}");
        return;
    }
    own.stack.cut("cache").expect("it is cut off");
    assert_eq!(health(own, "cache"), Health::Cut);
    own.stack.restore("cache").expect("it is restored");
    eventually("the cache is ready", || health(own, "cache") == Health::Ready);
}

fn health(own: &Own, node: &str) -> Health {
    own.stack.health(&own.stack.node(node).expect("there is such a node"))
}
