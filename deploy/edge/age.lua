-- Age: the seconds since the origin made this answer, or last said that it still holds. nginx counts none, and when the origin says "not
-- modified" it keeps the Date of the first answer; so when that was is noted here. A restart forgets it: then the Age is too high, never too low.
local status = ngx.var.upstream_cache_status
-- What was not kept, and what this server says itself when nobody answers it.
if not status or ngx.status >= 500 then
    return
end
local came = tonumber(ngx.var.upstream_http_age) or 0
local now, path = ngx.time(), ngx.var.uri
if status == "REVALIDATED" then
    ngx.shared.revalidated:set(path, now)
    ngx.header.Age = 0
elseif status == "HIT" or status == "STALE" or status == "UPDATING" then
    local made = ngx.parse_http_time(ngx.var.upstream_http_date or "")
    local revalidated = ngx.shared.revalidated:get(path) or 0
    if revalidated > (made or 0) then
        made, came = revalidated, 0
    end
    -- Without a Date nobody knows.
    ngx.header.Age = made and math.max(0, now - made) + came
else
    ngx.header.Age = came
end
