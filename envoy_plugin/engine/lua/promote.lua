-- limit -> how many were looked at: what is due becomes available, and what other calls left undone of an end is done
function V.promote(limit)
  local looked, unsettled = promote_due(limit), call('SRANDMEMBER', P .. 'unsettled', limit)
  table.sort(unsettled)   -- the older first
  for _, id in ipairs(unsettled) do
    local job = load(id)
    if changes < MOST and (not job or not ENDED[job.state] or rare.settle_dependents(job)) then later('SREM', P .. 'unsettled', id) end
    looked = looked + 1
  end
  return math.min(looked, tonumber(limit))
end
