/// The store gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the object store did not answer in time")]
    Late,
    #[error("the object store failed")]
    Failed(#[from] object_store::Error),
}
