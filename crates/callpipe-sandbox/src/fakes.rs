//! The outside systems, one module each.

mod deepgram;
mod gemini;
mod media;
mod model;
mod nice_cxone;
mod openai;
mod recognise;
mod schema;
mod storage;
mod understood;

pub(crate) use deepgram::router as deepgram_router;
pub(crate) use gemini::router as gemini_router;
pub(crate) use media::router as media_router;
pub(crate) use nice_cxone::router as nice_cxone_router;
pub(crate) use openai::router as openai_router;
pub(crate) use recognise::{Recogniser, said};
pub(crate) use storage::{Objects, router as storage_router};

use crate::shared::Shared;
use crate::world::Interaction;

/// The contacts in which a call is heard. Text alone does not tell them apart.
fn contacts_heard_in<'a>(shared: &'a Shared, call_id: Option<&str>) -> Vec<&'a str> {
    let heard = |interaction: &Interaction| match interaction {
        Interaction::Voice { call_id: heard } => Some(heard.as_str()) == call_id,
        Interaction::Chat => false,
    };
    let contacts = shared.world.contacts().iter();
    let contacts = contacts.filter(|contact| contact.interactions().iter().any(heard));
    contacts
        .map(|contact| contact.contact_id.as_str())
        .collect()
}
