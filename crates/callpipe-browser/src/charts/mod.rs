//! Charts as SVG and HTML, made of figures and addresses: pure functions.
