//! Sound of calls: recordings by byte ranges, and their waveforms.
