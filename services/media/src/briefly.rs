use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::Instant};

/// What many ask for and one finds out: believed for a moment, however many they are.
pub struct Briefly<T> {
    life: Duration,
    /// Held while one finds out: the others wait for what that one finds.
    known: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T> Briefly<T> {
    pub fn new(life: Duration) -> Self {
        Self { life, known: Mutex::new(None) }
    }

    /// A failure is kept for nobody.
    pub async fn get<E>(&self, find: impl AsyncFnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut known = self.known.lock().await;
        if let Some((_, value)) = known.as_ref().filter(|(since, _)| since.elapsed() < self.life) {
            return Ok(value.clone());
        }
        let value = Arc::new(find().await?);
        *known = Some((Instant::now(), value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn one_finds_out_for_all_who_ask_within_a_moment() {
        let (briefly, count) = (Briefly::new(Duration::from_hours(1)), AtomicU32::new(0));
        let find = async || {
            tokio::task::yield_now().await;
            Ok::<_, ()>(count.fetch_add(1, Ordering::Relaxed))
        };

        let all = futures_util::join!(briefly.get(find), briefly.get(find), briefly.get(find));

        assert_eq!([*all.0.unwrap(), *all.1.unwrap(), *all.2.unwrap()], [0; 3]);
    }

    #[tokio::test]
    async fn what_is_older_than_a_moment_is_found_out_again() {
        let (briefly, count) = (Briefly::new(Duration::ZERO), AtomicU32::new(0));
        let find = async || Ok::<_, ()>(count.fetch_add(1, Ordering::Relaxed));

        assert_eq!(*briefly.get(find).await.unwrap(), 0);
        assert_eq!(*briefly.get(find).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let briefly = Briefly::new(Duration::from_hours(1));

        assert_eq!(briefly.get(async || Err::<u8, _>("down")).await, Err("down"));
        assert_eq!(*briefly.get(async || Ok::<_, &str>(1)).await.unwrap(), 1);
    }
}
