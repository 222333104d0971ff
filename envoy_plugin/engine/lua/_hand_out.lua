-- Giving jobs to a claimant. Joined to `claim`, `claim_job` and `resume`.
local paused = {}
local function is_paused(queue)
  if paused[queue] == nil then paused[queue] = call('HEXISTS', P .. 'paused', queue) == 1 end
  return paused[queue]
end
-- The claim's lease goes before the job's own where it insists.
local function start(job, who, lease, insists)
  put(job, 'claim', job.claim + 1) put(job, 'started', stamp)
  local place = lease > 0 and now + lease or false
  if has(job, 't') then
    if job.lease > 0 and not (insists and place) then place = now + job.lease end
    if job.limit > 0 then
      put(job, 'limit_at', now + job.limit)
      place = math.min(place or job.limit_at, job.limit_at)
    end
  end
  if has(job, 'f') then
    local class, turn = job.rank:sub(1, 1), tonumber(job.rank:sub(2))
    if turn > turns_of(job.queue, class) then set_turn(job.queue, class, turn) end
  end
  move(job, 'running', 'claimed', who, place and whole(place) or 'inf')
end
-- A job that this call has made can be claimed by it: its payload isn't written yet.
local function read_payloads(keys)
  local found, unwritten = keys[1] and call('MGET', unpack(keys)) or {}, {}
  for i = 1, #payloads, 2 do unwritten[payloads[i]] = payloads[i + 1] end
  if payloads[1] then for i, name in ipairs(keys) do found[i] = found[i] or unwritten[name] or false end end
  return found
end
-- -> ((id, attempt, claim, kind, install)*, payloads)
local function handed(jobs_out)
  local facts, keys = {}, {}
  for i, job in ipairs(jobs_out) do
    local at = 5 * (i - 1)   -- a table for each job would cost
    facts[at + 1], facts[at + 2], facts[at + 3], facts[at + 4], facts[at + 5] = job.id, job.attempt, job.claim, job.kind, job.install
    keys[i] = key('payload:', job)
  end
  return {facts, read_payloads(keys)}
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
local function take(queue, n, who, lease, insists)
  local got = {}
  if n < 1 or is_paused(queue) then return got end
  for _, job in ipairs(first(queue, n)) do
    if #got < n and job.state == 'available' and job.queue == queue then
      start(job, who, lease, insists)
      got[#got + 1] = job
    end
  end
  return got
end
