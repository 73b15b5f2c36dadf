//! The runner as a library, on a stack of its own without services. One test, because a stack takes seconds to start; each step
//! leaves the stack as it found it.

mod agree;
mod broker;
mod copies;
mod crash;
mod disk;
mod edge;
mod failover;
mod faults;
mod gateway;
mod own;
mod settings;

use own::Own;

#[test]
fn a_stack_starts_heals_changes_and_leaves_nothing() {
    let mut own = Own::up();
    faults::a_second_up_is_harmless(&own);
    faults::a_node_stops_dies_and_starts_again(&own);
    faults::a_frozen_node_goes_on(&own);
    faults::a_node_is_cut_off_and_restored(&own);
    broker::a_broker_is_reached_at_its_own_address_only(&own);
    broker::a_broker_keeps_what_it_has(&own);
    gateway::a_write_is_sent_to_another_instance(&own);
    gateway::a_write_that_nobody_answers_is_unknown(&own);
    gateway::a_write_whose_instance_was_the_only_one_is_unknown(&own);
    gateway::a_read_that_nobody_answers_can_be_tried_again(&own);
    gateway::an_instance_that_answers_with_errors_is_not_taken_out(&own);
    gateway::a_write_that_was_never_sent_can_be_tried_again(&own);
    gateway::a_client_cannot_say_what_envoy_does(&own);
    edge::a_point_of_presence_is_reached_at_its_own_address_only(&own);
    edge::a_dead_point_of_presence_is_not_noticed(&own);
    edge::a_point_of_presence_is_added_and_removed(&mut own);
    edge::a_client_comes_from_where_it_came_to_the_edge(&own);
    edge::points_of_presence_ask_who_they_are_told_to(&mut own);
    copies::the_sessions_have_a_copy(&own);
    copies::a_replica_is_added(&mut own);
    copies::a_replica_that_is_too_far_behind_is_copied_anew(&own);
    settings::another_delay_reaches_running_replicas(&mut own);
    settings::another_port_reaches_a_running_envoy(&mut own);
    settings::a_taken_port_is_refused(&own);
    failover::another_node_leads_when_a_server_dies(&own);
    failover::a_shard_is_handed_over(&own);
    failover::a_cut_node_reaches_nobody(&own);
    disk::a_small_disk_that_nobody_took_away_is_healed(&own);
    disk::a_move_of_data_that_did_not_end_is_healed(&own);
    failover::a_shard_is_added(&mut own);
    crash::a_stale_lock_file_keeps_no_primary_down(&own);
    crash::what_a_crash_left_is_ended_before_a_start(&own);
    crash::data_survives_an_end_without_a_readable_state(&own);
    crash::clean_leaves_nothing_and_can_be_repeated(&own);
}
