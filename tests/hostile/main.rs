//! Files that somebody made badly, or to do harm: each is refused with its place and the cause, and nothing else happens.

mod chance;
mod data;
mod read;
mod seeds;
mod weights;
