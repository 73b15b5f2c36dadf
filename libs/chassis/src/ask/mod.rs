//! What comes in: extractors and the lenient reading of bodies, all refusing in the API's shape.

mod body;
mod delivery;
mod fields;
mod idempotency;
mod object;
mod page;
mod params;
mod path;
mod stream;

pub use body::Body;
pub(crate) use body::{BodyLimit, drain};
pub use delivery::Delivery;
pub(crate) use delivery::is_sent_again;
pub use fields::Fields;
pub(crate) use idempotency::FIELD;
pub use idempotency::Idempotency;
pub use object::{Object, Patch};
pub use page::Page;
pub use params::Params;
pub use path::Path;
pub use stream::Stream;
