-- What is due becomes available, and what was held until now opens. An index is read as it was before the call: ask the job.
-- Joined to `promote`, and to those that hand out.
local function promote_due(limit)
  local due = call('ZRANGE', P .. 'scheduled', '-inf', stamp, 'BYSCORE', 'LIMIT', 0, limit)
  for _, id in ipairs(due) do
    local job = load(id)
    if job and job.state == 'scheduled' and job.due <= now then settle(job, 'promoted') end
  end
  local timers = call('ZRANGE', P .. 'timers', '-inf', stamp, 'BYSCORE', 'LIMIT', 0, limit)
  for _, timer in ipairs(timers) do
    local id, gate = timer:match('^(%S+) (.*)$')
    local job = load(id)
    local till = job and tonumber(rare.doors(job)[gate])
    if not till then later('ZREM', P .. 'timers', timer)
    elseif till > 0 and till <= now then
      rare.open(job, gate)
      rare.changed(job, 'unheld', gate:sub(6))
    end
  end
  return #due + #timers
end
