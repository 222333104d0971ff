-- limit, max_crashes where the job names none, jitter -> how many were looked at: what a past limit or lease means
function V.expire(limit, max_crashes, jitter)
  local lost = call('ZRANGE', P .. 'running', '-inf', stamp, 'BYSCORE', 'LIMIT', 0, limit)
  for _, id in ipairs(lost) do
    local job = load(id)
    if job and not job.moved and job.state == 'running' then
      local crashes, most = job.crashes + 1, job.max_crashes > 0 and job.max_crashes or tonumber(max_crashes)
      if has(job, 't') and job.limit_at > 0 and job.limit_at <= now or job.lost == 'fail' then rare.lose(job, 'timeout', false, '', jitter)
      elseif crashes >= most then
        put(job, 'crashes', crashes)
        rare.lose(job, 'crashed', true)
      else
        put(job, 'crashes', crashes) put(job, 'due', 0)
        settle(job, 'lost')
      end
    end
  end
  return #lost
end
