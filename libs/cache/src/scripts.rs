//! What must happen at once in Redis. All use the server's clock.

use std::sync::LazyLock;

use redis::Script;

/// How long a loader may take: longer than a statement may, so that its fill is not refused for being slow.
pub(crate) const LEASE_MS: u64 = 6_000;
/// How long a voided key remembers its floor.
const TOMBSTONE_MS: u64 = 60_000;

/// Reads entries. ARGV: lease token. For each key: {"fresh"|"stale"|"wait"|"miss", payload or "", 1 if negative, version}; "stale" and "miss"
/// grant the lease.
pub(crate) static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "local t = redis.call('TIME')
         local now = t[1] * 1000 + math.floor(t[2] / 1000)
         local answers = {{}}
         for i, key in ipairs(KEYS) do
             local e = redis.call('HMGET', key, 's', 'p', 'n', 'le', 'v')
             local leased = e[4] and tonumber(e[4]) > now
             local state
             if e[2] and tonumber(e[1]) > now then state = 'fresh'
             elseif e[2] and leased then state = 'fresh'
             elseif e[2] then state = 'stale'
             elseif leased then state = 'wait'
             else state = 'miss' end
             if state == 'stale' or state == 'miss' then
                 redis.call('HSET', key, 'l', ARGV[1], 'le', now + {LEASE_MS})
                 if redis.call('PTTL', key) < {LEASE_MS} then redis.call('PEXPIRE', key, {LEASE_MS}) end
             end
             answers[i] = {{state, e[2] or '', e[3] and 1 or 0, tonumber(e[5] or 0)}}
         end
         return answers"
    ))
});

/// Reads entries of another service: it takes no lease, and what is due is left to the owner. The same answers, "none" for all but "fresh".
pub(crate) static PEEK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local t = redis.call('TIME')
         local now = t[1] * 1000 + math.floor(t[2] / 1000)
         local answers = {}
         for i, key in ipairs(KEYS) do
             local e = redis.call('HMGET', key, 's', 'p', 'n', 'le', 'v')
             local leased = e[4] and tonumber(e[4]) > now
             if e[2] and (leased or tonumber(e[1]) > now) then answers[i] = {'fresh', e[2], e[3] and 1 or 0, tonumber(e[5] or 0)}
             else answers[i] = {'none', '', 0, 0} end
         end
         return answers",
    )
});

/// Fills an entry. ARGV: lease token, version, payload, soft ms, hard ms, 1 if negative. Answers whether it was accepted.
pub(crate) static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local t = redis.call('TIME')
         local now = t[1] * 1000 + math.floor(t[2] / 1000)
         local e = redis.call('HMGET', KEYS[1], 'l', 'f')
         if e[1] ~= ARGV[1] then return 0 end
         redis.call('HDEL', KEYS[1], 'l', 'le')
         if ARGV[6] == '1' then redis.call('HSET', KEYS[1], 'n', '1')
         elseif e[2] and tonumber(ARGV[2]) < tonumber(e[2]) then return 0
         else redis.call('HDEL', KEYS[1], 'n') end
         redis.call('HSET', KEYS[1], 'v', ARGV[2], 'p', ARGV[3], 's', now + ARGV[4])
         redis.call('PEXPIRE', KEYS[1], ARGV[5])
         return 1",
    )
});

/// Drops a payload that does not decode and takes the lease. ARGV: lease token, the payload. Answers 0 where another was quicker: it
/// replaced the payload, or is loading it.
pub(crate) static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "local t = redis.call('TIME')
         local now = t[1] * 1000 + math.floor(t[2] / 1000)
         local e = redis.call('HMGET', KEYS[1], 'p', 'le')
         if e[1] ~= ARGV[2] then return 0 end
         redis.call('HDEL', KEYS[1], 'v', 'p', 's', 'n')
         if e[2] and tonumber(e[2]) > now then return 0 end
         redis.call('HSET', KEYS[1], 'l', ARGV[1], 'le', now + {LEASE_MS})
         if redis.call('PTTL', KEYS[1]) < {LEASE_MS} then redis.call('PEXPIRE', KEYS[1], {LEASE_MS}) end
         return 1"
    ))
});

/// Gives a lease back, if it is still this one's. ARGV: lease token.
pub(crate) static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'l') ~= ARGV[1] then return 0 end
         redis.call('HDEL', KEYS[1], 'l', 'le')
         return 1",
    )
});

/// Voids an entry. ARGV: version, or "" for whatever is there; a mark by which the same void, told again, is known.
pub(crate) static VOID: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "local e = redis.call('HMGET', KEYS[1], 'v', 'f', 'n', 'm')
         if e[4] == ARGV[2] then return 0 end
         redis.call('HSET', KEYS[1], 'm', ARGV[2])
         local version = tonumber(ARGV[1])
         if version and (not e[2] or tonumber(e[2]) < version) then redis.call('HSET', KEYS[1], 'f', version) end
         if not version or e[3] or not e[1] or tonumber(e[1]) < version then redis.call('HDEL', KEYS[1], 'v', 'p', 's', 'n') end
         redis.call('HDEL', KEYS[1], 'l', 'le')
         if redis.call('PTTL', KEYS[1]) < {TOMBSTONE_MS} then redis.call('PEXPIRE', KEYS[1], {TOMBSTONE_MS}) end
         return 1"
    ))
});

/// Reads stamps. ARGV: token, then for each key the shard and timeline that count, `shard/timeline`. A missing one gets the token as a
/// placeholder, and the caller the task to set it; one of another shard or an older timeline proves nothing and counts as missing.
pub(crate) static STAMPS: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local answers = {}
         for i, key in ipairs(KEYS) do
             local stamp = redis.call('GET', key)
             if stamp and string.sub(stamp, 1, 1) ~= '?' then
                 local shard, timeline = string.match(stamp, '^(.*)/(%x+)/%x+$')
                 local counts, newest = string.match(ARGV[1 + i], '^(.*)/(%x+)$')
                 if shard ~= counts or timeline < newest then stamp = false end
             end
             if not stamp then
                 redis.call('SET', key, ARGV[1], 'PX', 5000)
                 stamp = ''
             elseif string.sub(stamp, 1, 1) == '?' then stamp = '?' end
             answers[i] = stamp
         end
         return answers",
    )
});

/// Sets a stamp where the placeholder still stands. ARGV: token, stamp.
pub(crate) static SET_STAMP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[2], 'EX', 86400)
         return 1",
    )
});

/// Raises stamps. ARGV: the stamp. Of one shard's stamps the later stays: their numbers have a fixed width, so text order is right.
pub(crate) static RAISE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local shard = string.match(ARGV[1], '^(.*)/[^/]*/[^/]*$')
         for _, key in ipairs(KEYS) do
             local stamp = redis.call('GET', key)
             local same = stamp and string.match(stamp, '^(.*)/[^/]*/[^/]*$') == shard
             if not (same and stamp >= ARGV[1]) then redis.call('SET', key, ARGV[1], 'EX', 86400) end
         end
         return 1",
    )
});
