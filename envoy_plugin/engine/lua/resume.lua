-- queue, who, lease in ms (0: the job's own), details -> what was handed out
function V.resume(queue, who, lease, details)
  for _, id in ipairs(call('ZRANGE', P .. 'running:' .. queue, 0, 0)) do
    local job = load(id)
    if job and job.state == 'running' and job.queue == queue then
      if lease ~= '0' then lease_again(job, tonumber(lease)) end
      return handed({job}, {call('GET', key('payload:', job))})
    end
  end
  local got, chosen = hand_out(queue, 1, who, tonumber(lease), true)
  if got[1][1] then keep_blob(chosen[1], 'details:' .. chosen[1].attempt, details) end
  return got
end
