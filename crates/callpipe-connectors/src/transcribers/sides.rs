//! Whose channel it is: the same for every transcriber that hears each channel by itself.

use callpipe_core::recording::{Participant, Role};

/// Whose channel it is. Where the recording's source tells it of one of two channels, the other is
/// the other side's; where it tells nothing, the agent is first, as contact centres record.
pub(super) fn role(channel: u32, channel_count: usize, participants: &[Participant]) -> Role {
    let told = |channel: u32| {
        participants
            .iter()
            .find(|participant| participant.channel == Some(channel))
            .map(|participant| participant.role)
    };
    if let Some(role) = told(channel) {
        return role;
    }
    let other = match channel {
        0 | 1 if channel_count == 2 => told(1 - channel),
        _ => None,
    };
    match (other, channel) {
        (Some(Role::Agent), _) => Role::Customer,
        (Some(Role::Customer), _) => Role::Agent,
        (None, 0) => Role::Agent,
        (None, _) => Role::Customer,
    }
}
