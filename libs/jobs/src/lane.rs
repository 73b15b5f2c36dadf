use clap::ValueEnum;

/// Which jobs wait for each other: each lane has queues, places and a pause of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Lane {
    /// What somebody waits for.
    Critical,
    Default,
    /// What may take its time, however much of it there is.
    Bulk,
}

impl Lane {
    pub const ALL: [Self; 3] = [Self::Critical, Self::Default, Self::Bulk];

    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Default => "default",
            Self::Bulk => "bulk",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.name() == name)
    }
}
