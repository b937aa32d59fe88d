//! What pages look like: the style sheet, the script of the player, and how they are served.
