-- queue, n, who, lease in ms (0 none) -> ((id, attempt, claim, kind, install)*, payloads)
local function start(job, who, lease)
  put(job, 'claim', job.claim + 1) put(job, 'started', stamp)
  local place = lease > 0 and now + lease or false
  if has(job, 't') then
    if job.lease > 0 then place = now + job.lease end
    if job.limit > 0 then
      put(job, 'limit_at', now + job.limit)
      place = math.min(place or job.limit_at, job.limit_at)
    end
  end
  move(job, 'running', 'claimed', who, place and whole(place) or 'inf')
end
-- The first n of the index, and what this call has made available, which isn't in the index yet.
local function first(queue, n)
  local ids, found = call('ZRANGE', P .. 'available:' .. queue, 0, n - 1), {}
  if #ids == n then woken[queue] = true else promote_due(n) end   -- full: there may be more, so the token is passed on
  for _, id in ipairs(ids) do found[#found + 1] = load(id) or nil end
  local added = false
  for _, job in ipairs(fresh) do if job.queue == queue then added = true found[#found + 1] = job end end
  if added then table.sort(found, function(a, b) if a.rank ~= b.rank then return a.rank < b.rank end return a.id < b.id end) end
  return found
end
-- A job that this call has made can be claimed by it: its payload isn't written yet.
local function read_payloads(keys)
  local found, unwritten = keys[1] and call('MGET', unpack(keys)) or {}, {}
  for i = 1, #payloads, 2 do unwritten[payloads[i]] = payloads[i + 1] end
  if payloads[1] then for i, name in ipairs(keys) do found[i] = found[i] or unwritten[name] or false end end
  return found
end
function V.claim(queue, n, who, lease)
  local got, keys, most = {}, {}, tonumber(n)
  if most < 1 then return {got, keys} end
  for _, job in ipairs(first(queue, most)) do
    if #keys < most and job.state == 'available' and job.queue == queue then
      start(job, who, tonumber(lease))
      local n, at = #keys + 1, 5 * #keys   -- a table for each job would cost
      got[at + 1], got[at + 2], got[at + 3], got[at + 4], got[at + 5] = job.id, job.attempt, job.claim, job.kind, job.install
      keys[n] = key('payload:', job)
    end
  end
  return {got, read_payloads(keys)}
end
