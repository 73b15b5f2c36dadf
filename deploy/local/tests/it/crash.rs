use std::fs;

use crate::own::Own;

pub fn a_stale_lock_file_keeps_no_primary_down(own: &Own) {
    own.stack.kill("s2-1").expect("it dies");
    let file = own.folder.join("data/s2-1/pgdata/postmaster.pid");
    let text = fs::read_to_string(&file).expect("a killed Postgres leaves it");
    // The pid belongs to a stranger by now, of the same user: another node.
    let (_, rest) = text.split_once('\n').expect("it has lines");
    fs::write(&file, format!("{}\n{rest}", own.pid("s1-1"))).expect("is written");

    own.stack.start("s2-1").expect("it starts");
}

/// As if the runner had been killed between the start and the record.
pub fn what_a_crash_left_is_ended_before_a_start(own: &Own) {
    for node in ["s1-1", "sessions"] {
        let before = own.pid(node);
        fs::remove_file(own.folder.join(format!("run/{node}.pid"))).expect("the record is lost");

        own.stack.start(node).expect("it starts");

        assert_ne!(own.pid(node), before);
        assert!(!fs::exists(format!("/proc/{before}")).expect("there is /proc"), "{node} runs twice");
    }
}

pub fn data_survives_an_end_without_a_readable_state(own: &Own) {
    let state = own.folder.join("state.json");
    let kept = fs::read(&state).expect("the state is there");
    fs::write(&state, "{").expect("is written");
    fs::remove_file(own.folder.join("run/s2-1.pid")).expect("a record is lost");

    magnitude_stack::down(&own.folder).expect_err("what is wrong with the state is said");

    assert_eq!(own.processes(), Vec::<String>::new());
    fs::write(&state, kept).expect("is written");
    own.start_all();
    assert_eq!(own.sql(&own.leader("s1"), "SELECT what FROM kept"), "yes");
}

pub fn clean_leaves_nothing_and_can_be_repeated(own: &Own) {
    // As an interrupted one leaves it.
    fs::remove_dir_all(own.folder.join("run")).expect("is deleted");
    magnitude_stack::clean(&own.folder).expect("it is cleaned");

    assert_eq!(own.processes(), Vec::<String>::new());
    assert_eq!(fs::read_dir(&own.folder).expect("the folder stays").count(), 0);
    magnitude_stack::clean(&own.folder).expect("nothing is left to do");
}
