//! One file a page: from what is known to HTML.

pub(crate) mod call;
mod keys;
pub(crate) mod layout;
pub(crate) mod selection_bar;
