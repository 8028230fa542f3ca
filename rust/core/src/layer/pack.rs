//! Pack a tree as a tar archive.
