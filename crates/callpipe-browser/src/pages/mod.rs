//! One file a page: from what is known to HTML.
