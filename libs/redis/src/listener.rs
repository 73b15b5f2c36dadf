/// Who keeps copies of keys in the process and must hear when they change. Called while an answer is read: it must not block.
pub trait Listener: std::fmt::Debug + Send + Sync + 'static {
    /// A key that was read is no longer what it was.
    fn changed(&self, key: &[u8]);
    /// Changes may have been missed: a connection ended or began, or all keys were flushed. No copy counts any more.
    fn lost(&self);
}
