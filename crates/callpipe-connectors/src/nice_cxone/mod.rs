//! What both CXone connectors share: discovery, tokens, requests.
