use sqlx::{Arguments, Encode, Postgres, Type, postgres::PgArguments};

/// A statement's arguments, built anew for each attempt. Values are encoded at once, so borrowed ones may be bound.
#[derive(Default)]
pub struct Binds {
    arguments: PgArguments,
    failure: Option<sqlx::error::BoxDynError>,
}

impl Binds {
    #[must_use]
    pub fn bind<'t, T: Encode<'t, Postgres> + Type<Postgres>>(mut self, value: T) -> Self {
        if let Err(error) = self.arguments.add(value) {
            self.failure.get_or_insert(error);
        }
        self
    }

    pub(crate) fn finish(self) -> Result<PgArguments, sqlx::Error> {
        match self.failure {
            Some(error) => Err(sqlx::Error::Encode(error)),
            None => Ok(self.arguments),
        }
    }
}
