//! Who may see calls: signing in, tokens against forged requests, headers, and a log of who listened.
