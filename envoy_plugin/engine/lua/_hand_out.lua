-- Giving jobs to a claimant. Joined to `claim`, `claim_job` and `resume`.
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
  move(job, 'running', 'claimed', who, place and whole(place) or 'inf')
end
-- The payloads of these jobs, and whether their queue is paused: one command tells both. What this call has made isn't written yet.
local function read_payloads(chosen, queue)
  local keys, unwritten = {}, {}
  for i, job in ipairs(chosen) do keys[i] = key('payload:', job) end
  local n = #keys + 1
  keys[n] = P .. 'paused:' .. queue
  local found = call('MGET', unpack(keys))
  local is_paused = found[n]
  if paused[queue] ~= nil then is_paused = paused[queue] end
  found[n] = nil
  for i = 1, #payloads, 2 do unwritten[payloads[i]] = payloads[i + 1] end
  if payloads[1] then for i, job in ipairs(chosen) do found[i] = found[i] or unwritten[keys[i]] or false end end
  return found, is_paused
end
-- -> ((id, attempt, claim, kind, install)*, payloads)
local function handed(chosen, found)
  local facts = {}
  for i, job in ipairs(chosen) do
    local at = 5 * (i - 1)   -- a table for each job would cost
    facts[at + 1], facts[at + 2], facts[at + 3], facts[at + 4], facts[at + 5] = job.id, job.attempt, job.claim, job.kind, job.install
  end
  return {facts, found}
end
-- The first n of the index, and what this call has made available, which isn't in the index yet.
local function first(queue, n)
  local ids, found = call('ZRANGE', P .. 'available:' .. queue, 0, n - 1), {}
  if #ids == n then woken[queue] = true else promote_due(n) end   -- full: there may be more, so the token is passed on
  for _, id in ipairs(ids) do found[#found + 1] = load(id) or nil end
  local added = false
  for _, job in ipairs(fresh) do if job.queue == queue then added = true found[#found + 1] = job end end
  if added then table.sort(found, function(a, b) if a.rank ~= b.rank then return a.rank < b.rank end return a.id < b.id end) end
  return found, not ids[1]
end
-- Gives the next n of a queue to a claimant. Answers what it gets, those jobs, and whether nothing waits.
local function hand_out(queue, n, who, lease, insists)
  local chosen, found, is_empty = {}, {}, false
  if n > 0 then found, is_empty = first(queue, n) end
  for _, job in ipairs(found) do
    local last = #chosen   -- what this call has made available once more is in the index, too: twice in a row
    if last < n and job.state == 'available' and job.queue == queue and chosen[last] ~= job then chosen[last + 1] = job end
  end
  if not chosen[1] then return {{}, {}}, chosen, is_empty end
  local payloads_found, is_paused = read_payloads(chosen, queue)
  if is_paused then
    woken[queue] = nil   -- paused: nobody needs to come
    return {{}, {}}, chosen, false
  end
  for _, job in ipairs(chosen) do
    start(job, who, lease, insists)
    if has(job, 'f') then fair.set_turn(queue, job.rank:sub(1, 1), tonumber(job.rank:sub(2))) end   -- the turn being served
  end
  return handed(chosen, payloads_found), chosen, false
end
