-- Forgetting a job, with everything that hangs on it. Joined to `retire` and `delete`.
-- Its report, or its heir's, isn't over; its envelope isn't; it is an envelope with children left; or somebody waits for it.
local function needed(job)
  if not job.more then return false end
  local parent = has(job, 'c') and load(job.parent)
  if debts.is_owed(job) or parent and not ENDED[parent.state] or next(rare.kids(job)) then return true end
  for id in pairs(rare.edges(job)) do
    local dependent = load(id)
    if dependent and not ENDED[dependent.state] then return true end
  end
  return false
end
local function leave_others(job)
  for gate in pairs(rare.doors(job)) do rare.open(job, gate) end
  for id in pairs(rare.edges(job)) do
    local dependent = load(id)
    if dependent then rare.open(dependent, 'wait:' .. job.id) end
  end
  local parent = has(job, 'c') and load(job.parent)
  if parent then
    rare.amend(parent, 'kids', job.id, false)
    later('HDEL', key('children:', parent), job.id)
  end
  if has(job, 'u') and owner('unique:' .. job.unique) == job.id then own('unique:' .. job.unique, false) end
end
local function forget(job)
  leave_others(job)
  each_bytes(job, function(name) gone[#gone + 1] = name end)
  for letter, kind in pairs({a = 'attempts:', d = 'dependents:', e = 'children:'}) do if has(job, letter) then gone[#gone + 1] = key(kind, job) end end
  if has(job, 'm') then
    for _, tag in ipairs(call('SMEMBERS', key('tags:', job))) do later('ZREM', P .. 'tag:' .. tag, job.id) end
    for tag in pairs(rawget(job, 'tagged') or {}) do later('ZREM', P .. 'tag:' .. tag, job.id) end
    gone[#gone + 1] = key('described:', job) gone[#gone + 1] = key('tags:', job)
  end
  gone[#gone + 1] = key('job:', job)
  if job.was then
    later('ZREM', home_of(job.was, job.of), job.id)
    for _, side in ipairs(sides_of(job, job.was, job.of)) do later('ZREM', side, job.id) end
  end
  jobs[job.id] = false
end
