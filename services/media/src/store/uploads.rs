use std::time::SystemTime;

use magnitude_contract::media::MediaStatus;
use magnitude_ids::Id;
use magnitude_sharding::{Error, Freshness, Shards, Write};
use sqlx::{FromRow, types::Json};

use crate::medium::{Medium, Variant};

#[derive(FromRow)]
struct Row {
    id: i64,
    status: String,
    reason: Option<String>,
    version: i64,
    staged: String,
    variants: Json<Vec<Variant>>,
}

/// An upload as its row says.
#[derive(Clone, Debug)]
pub struct Upload {
    pub medium: Medium,
    pub version: i64,
    /// The key of what was uploaded.
    pub staged: String,
}

impl TryFrom<Row> for Upload {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let broken = |what: &str| sqlx::Error::Decode(format!("an upload's row has no {what}").into());
        let status = match row.status.as_str() {
            "processing" => MediaStatus::Processing,
            "ready" => MediaStatus::Ready,
            "rejected" => MediaStatus::Rejected,
            _ => return Err(broken("status")),
        };
        let id = Id::from_i64(row.id).ok_or_else(|| broken("id"))?;
        let medium = Medium { id, status, reason: row.reason, variants: row.variants.0 };
        Ok(Self { medium, version: row.version, staged: row.staged })
    }
}

/// A new upload, that waits to be decoded.
pub async fn insert(write: &mut Write, owner: Id, staged: &str) -> Result<Id, Error> {
    let (bucket, write_id) = (owner.bucket().as_i16(), write.write_id());
    loop {
        let id = Id::new(owner.bucket(), SystemTime::now());
        let insert = sqlx::query(INSERT).bind(bucket).bind(id.as_i64()).bind(owner.as_i64()).bind(staged).bind(write_id);
        // Another upload of this bucket may have drawn the same id in this millisecond: draw again.
        if insert.execute(&mut **write).await?.rows_affected() == 1 {
            return Ok(id);
        }
    }
}

pub async fn find(shards: &Shards, freshness: Freshness, id: Id) -> Result<Option<Upload>, Error> {
    let row: Option<Row> = shards.fetch_optional(id.bucket(), freshness, FIND, |q| q.bind(id.as_i64())).await?;
    Ok(row.map(Upload::try_from).transpose()?)
}

/// What came of an upload that was still being worked on, and the version that this made; nothing if it is not.
pub async fn settle(write: &mut Write, id: Id, outcome: &Result<Vec<Variant>, String>) -> Result<Option<i64>, Error> {
    let bucket = id.bucket().as_i16();
    let (status, reason) = match outcome {
        Ok(_) => ("ready", None),
        Err(reason) => ("rejected", Some(reason)),
    };
    let settle = sqlx::query_scalar(SETTLE).bind(bucket).bind(id.as_i64()).bind(status).bind(reason);
    let version: Option<i64> = settle.fetch_optional(&mut **write).await?;
    if let (Some(_), Ok(variants)) = (version, outcome) {
        let numbers = |of: fn(&Variant) -> u32| variants.iter().map(|variant| of(variant).cast_signed()).collect::<Vec<_>>();
        let hashes: Vec<_> = variants.iter().map(|variant| variant.hash.as_str()).collect();
        let insert = sqlx::query(INSERT_VARIANTS).bind(bucket).bind(id.as_i64());
        insert.bind(numbers(|v| v.width)).bind(numbers(|v| v.height)).bind(hashes).execute(&mut **write).await?;
    }
    Ok(version)
}

pub(crate) const INSERT: &str = "
    insert into uploads (bucket, id, owner, staged, write_id) values ($1, $2, $3, $4, $5) on conflict do nothing";

pub(crate) const FIND: &str = "
    select id, status, reason, version, staged,
           (select coalesce(json_agg(json_build_object('width', width, 'height', height, 'hash', hash) order by width), '[]')
            from variants v where v.bucket = u.bucket and v.upload = u.id) as variants
    from uploads u where (select sharding.owns($1, $2)) and bucket = $1 and id = $3";

pub(crate) const SETTLE: &str = "
    update uploads set status = $3, reason = $4, version = version + 1
    where bucket = $1 and id = $2 and status = 'processing' returning version";

pub(crate) const INSERT_VARIANTS: &str = "
    insert into variants (bucket, upload, width, height, hash)
    select $1, $2, v.width, v.height, v.hash from unnest($3::int[], $4::int[], $5::text[]) v (width, height, hash)";
