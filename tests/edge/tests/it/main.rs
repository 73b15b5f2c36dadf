//! One point of presence, made of `deploy/edge`, in front of an origin that does what it is told.

mod away;
mod crowd;
mod errors;
mod expiry;
mod forwarded;
mod kept;
mod paths;
mod private;
mod refresh;
mod room;
mod scene;
mod upload;
