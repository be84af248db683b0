//! Packets in memory, byte accounts, and every header's codec.
