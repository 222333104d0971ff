-- state, age in ms, how many are kept, again in ms, limit -> how many were looked at: ended jobs that were kept long enough are forgotten
function V.retire(state, age, most, again, limit)
  local index, postponed = P .. state, whole(now - age + again)
  local ids = call('ZRANGE', index, '-inf', whole(now - age), 'BYSCORE', 'LIMIT', 0, limit)
  local surplus = math.min(call('ZCARD', index) - most, tonumber(limit))
  if surplus > #ids then ids, postponed = call('ZRANGE', index, 0, surplus - 1), stamp end
  for _, id in ipairs(ids) do
    local job = load(id)
    if job and job.state == state and not job.moved then
      if needed(job) then move(job, state, nil, nil, postponed) else forget(job) end
    end
  end
  return #ids
end
