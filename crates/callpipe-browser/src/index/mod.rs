//! The browser's own index of the calls: narrow columns in memory, words in a file.
