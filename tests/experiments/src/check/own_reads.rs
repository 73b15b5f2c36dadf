use crate::load::Record;

/// An author's reads never go back, and what was acknowledged is there for everybody: judged while the load ran.
pub fn own_reads(record: &Record) -> Vec<String> {
    record.history.violations()
}
