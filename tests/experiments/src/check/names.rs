use std::collections::HashMap;

use crate::databases::Databases;

/// As the service compares names: NFC, and an email in lower case.
const USERS: &str = "
    select id, normalize(username, NFC), lower(normalize(email, NFC)) from users where bucket in (select bucket from sharding.held)";

const LOOK_UPS: &str = "
    select kind, name, user_id, confirmed from names
    where kind in ('username', 'email') and bucket in (select bucket from sharding.held)";

/// The bearer of a name, by kind and name.
type Bearers = HashMap<(&'static str, String), Vec<i64>>;

/// No username and no email belongs to two users, over all shards; every confirmed look-up names a user who bears the name, and every
/// user is found by both.
pub async fn names(databases: &Databases) -> anyhow::Result<Vec<String>> {
    let (mut bearers, mut look_ups) = (Bearers::new(), Vec::new());
    for shard in 0..databases.shards().len() {
        let mut primary = databases.primary(shard, "accounts").await?;
        let users: Vec<(i64, String, String)> = sqlx::query_as(USERS).fetch_all(&mut primary).await?;
        for (id, username, email) in users {
            bearers.entry(("username", username)).or_default().push(id);
            bearers.entry(("email", email)).or_default().push(id);
        }
        look_ups.extend(sqlx::query_as::<_, (String, String, i64, bool)>(LOOK_UPS).fetch_all(&mut primary).await?);
    }
    Ok(judge(&bearers, &look_ups))
}

fn judge(bearers: &Bearers, look_ups: &[(String, String, i64, bool)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut found = HashMap::new();
    for (kind, name, user, confirmed) in look_ups {
        let kind = if kind == "email" { "email" } else { "username" };
        let borne = bearers.get(&(kind, name.clone())).is_some_and(|users| users.contains(user));
        if *confirmed && !borne {
            wrong.push(format!("the look-up of {kind} {name} names user {user}, who does not bear it"));
        }
        if let Some(other) = found.insert((kind, name.clone()), *user) {
            wrong.push(format!("{kind} {name} has two look-ups, of users {other} and {user}"));
        }
    }
    for ((kind, name), users) in bearers {
        if users.len() > 1 {
            wrong.push(format!("{kind} {name} belongs to {} users: {users:?}", users.len()));
        }
        if !found.get(&(*kind, name.clone())).is_some_and(|user| users.contains(user)) {
            wrong.push(format!("{kind} {name} of user {users:?} has no look-up that names it"));
        }
    }
    wrong
}
