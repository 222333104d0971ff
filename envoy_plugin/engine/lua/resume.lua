-- queue, who, lease in ms (0: the job's own), details -> what was handed out
function V.resume(queue, who, lease, details)
  for _, id in ipairs(call('ZRANGE', P .. 'running:' .. queue, 0, 0)) do
    local job = load(id)
    if job and job.state == 'running' and job.queue == queue then
      if lease ~= '0' then lease_again(job, tonumber(lease)) end
      return handed({job})
    end
  end
  local got = take(queue, 1, who, tonumber(lease), true)
  if got[1] then keep_blob(got[1], 'details:' .. got[1].attempt, details) end
  return handed(got)
end
